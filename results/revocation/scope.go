package revocation

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// scope is which certificates a list is about (issuing distribution point, RFC
// 5280 §5.2.5). The zero value is all of its issuer's.
type scope struct {
	userOnly, caOnly bool
	someReasons      bool
	// points, if it is not nil, are the places that the list is for.
	points []string
}

// The extensions of a list that may be critical and are understood, and that of a
// list of changes (RFC 5280 §5.2), in DER without tag and length.
const (
	oidDeltaCRL                 = "\x55\x1d\x1b"
	oidIssuingDistributionPoint = "\x55\x1d\x1c"
)

// readExtensions reads the explicitly tagged extensions of a list.
func (l *list) readExtensions(element []byte) error {
	var explicit, extensions cryptobyte.String
	s := cryptobyte.String(element)
	if !s.ReadASN1(&explicit, asn1.Tag(0).ContextSpecific().Constructed()) || !explicit.ReadASN1(&extensions, asn1.SEQUENCE) || !explicit.Empty() {
		return errDER
	}
	return eachExtension(extensions, func(oid string, critical bool, value cryptobyte.String) error {
		switch {
		case oid == oidDeltaCRL:
			l.refuse("the list is one of changes")
		case oid == oidIssuingDistributionPoint:
			return l.readScope(value)
		case critical:
			l.refuse("the list has a critical extension that is not known")
		}
		return nil
	})
}

// readScope reads IssuingDistributionPoint.
func (l *list) readScope(value cryptobyte.String) error {
	var fields cryptobyte.String
	if !value.ReadASN1(&fields, asn1.SEQUENCE) || !value.Empty() {
		return errDER
	}
	for !fields.Empty() {
		var content cryptobyte.String
		var tag asn1.Tag
		if !fields.ReadAnyASN1(&content, &tag) {
			return errDER
		}
		// A BOOLEAN that is not its default, FALSE, is true.
		isTrue := len(content) == 1 && content[0] != 0
		switch tag {
		case asn1.Tag(0).ContextSpecific().Constructed():
			l.scope.points = fullName(content)
		case asn1.Tag(1).ContextSpecific():
			l.scope.userOnly = isTrue
		case asn1.Tag(2).ContextSpecific():
			l.scope.caOnly = isTrue
		case asn1.Tag(3).ContextSpecific():
			l.scope.someReasons = true
		case asn1.Tag(4).ContextSpecific():
			if isTrue {
				l.refuse("the list is an indirect one")
			}
		case asn1.Tag(5).ContextSpecific():
			if isTrue {
				l.refuse("the list is for attribute certificates")
			}
		default:
			l.refuse("the list has a scope that is not known")
		}
	}
	return nil
}

// fullName returns the URIs of a DistributionPointName (RFC 5280 §4.2.1.13); of
// the other form, relative to an issuer, none. It is never nil.
func fullName(name cryptobyte.String) []string {
	uris := []string{}
	var names cryptobyte.String
	if !name.ReadASN1(&names, asn1.Tag(0).ContextSpecific().Constructed()) {
		return uris
	}
	for !names.Empty() {
		var content cryptobyte.String
		var tag asn1.Tag
		if !names.ReadAnyASN1(&content, &tag) {
			return uris
		}
		if tag == asn1.Tag(6).ContextSpecific() {
			uris = append(uris, string(content))
		}
	}
	return uris
}

// covers checks that a list is about a certificate, of which points are all the
// places where its lists are to be had.
func (s *scope) covers(cert *x509.Certificate, points []string) error {
	switch {
	case s.userOnly && cert.IsCA:
		return errors.New("the list is not for authorities")
	case s.caOnly && !cert.IsCA:
		return errors.New("the list is for authorities only")
	case s.points != nil && !slices.ContainsFunc(s.points, func(p string) bool { return slices.Contains(points, p) }):
		return errors.New("the list is for other certificates of its issuer")
	}
	return nil
}

// oidDistributionPoints is the extension of certificates, RFC 5280 §4.2.1.13;
// oidNoRevocation says that nothing will ever be said, RFC 9608 §2.
const (
	oidDistributionPoints = "2.5.29.31"
	oidNoRevocation       = "2.5.29.56"
)

// pointsOf returns the places where the lists of a certificate are to be had, as
// they are written. Those of lists for some reasons only, or by another issuer,
// are left out.
func pointsOf(cert *x509.Certificate) (points []string) {
	for _, e := range cert.Extensions {
		if e.Id.String() != oidDistributionPoints {
			continue
		}
		var all cryptobyte.String
		s := cryptobyte.String(e.Value)
		if !s.ReadASN1(&all, asn1.SEQUENCE) {
			return nil
		}
		for !all.Empty() {
			var point, name cryptobyte.String
			var has bool
			if !all.ReadASN1(&point, asn1.SEQUENCE) || !point.ReadOptionalASN1(&name, &has, asn1.Tag(0).ContextSpecific().Constructed()) {
				return points
			}
			if has && point.Empty() {
				points = append(points, fullName(name)...)
			}
		}
	}
	return points
}

// fetchable returns the first n URLs that can be asked.
func fetchable(urls []string, n int) []string {
	var kept []string
	for _, u := range urls {
		scheme, _, _ := strings.Cut(strings.ToLower(u), "://")
		if (scheme == "http" || scheme == "https") && len(u) <= maxURL && len(kept) < n {
			kept = append(kept, u)
		}
	}
	return kept
}

// maxURL bounds a URL, in bytes.
const maxURL = 2 << 10
