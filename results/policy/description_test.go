package policy

import "testing"

func TestEveryCodeIsDescribed(t *testing.T) {
	for _, code := range codes {
		if code.Description() == "" {
			t.Errorf("%s has no description", code)
		}
	}
	if len(descriptions) != len(codes) {
		t.Errorf("%d descriptions of %d codes", len(descriptions), len(codes))
	}
}
