package server

import natsserver "github.com/nats-io/nats-server/v2/server"

// State is how a server stands.
type State struct {
	Connections int
	// StoreBytes is what the store has, StoreLimit what it may have.
	StoreBytes, StoreLimit int64
	Streams                []Stream
}

// Stream is a stream with its consumers taken together.
type Stream struct {
	Name  string
	Bytes uint64
	// Waiting counts the messages that were not given out, InWork those that were and
	// are not acknowledged.
	Waiting uint64
	InWork  int
}

// State returns how the server stands. What it cannot tell is 0. consumer is the
// name of the consumers that count.
func (s *Server) State(consumer string) State {
	state := State{Connections: s.nats.NumClients()}
	info, err := s.nats.Jsz(&natsserver.JSzOptions{Accounts: true, Streams: true, Consumer: true})
	if err != nil {
		return state
	}
	state.StoreBytes, state.StoreLimit = int64(info.Store), info.Config.MaxStore
	for _, account := range info.AccountDetails {
		for _, detail := range account.Streams {
			stream := Stream{Name: detail.Name, Bytes: detail.State.Bytes}
			for _, c := range detail.Consumer {
				if c.Name == consumer {
					stream.Waiting += c.NumPending
					stream.InWork += c.NumAckPending
				}
			}
			state.Streams = append(state.Streams, stream)
		}
	}
	return state
}
