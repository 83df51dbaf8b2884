// Package queue keeps lists of targets and their records in NATS JetStream, so
// that any number of workers may work a list off together, and come and go.
//
// A job is one stream that holds one message a subject and refuses a second
// (DiscardNewPerSubject). [Client.Put] cuts a list into batches, a message
// each. A [Worker] takes them, and what it finds is one message too, under the
// batch's name. That is what makes every target be in the result exactly once:
// whoever else was at the same batch, however late, is refused by the server.
// Nothing is owed to a window of de-duplication, to clocks or to a worker's
// good behaviour. [Job.Collect] reads the results.
//
// The subjects of a job that is called NAME begin with "certsweep.job.NAME.":
//
//	job             what the job is, a [Spec]
//	work.N          the N-th batch, counted from 1
//	work.N.0, .1    its halves, if it was split; and so on, work.N.0.1
//	end             how many batches there are; it is there once all are
//	result.N        what became of the batch: its records, or that it was split
//	part.N.ID.I     the I-th part of records that are too many for a message
//	try.N.K         the K-th worker that the batch was given to has begun it, and
//	                has not given it back; "alive" if the first has
//	room            for a moment, if the store was full: it has room
//	failed.N        the batch is a target that workers do not survive
//	collector       who collects, and takes away what was collected
//
// What workers say of themselves is not kept: they answer at
// "certsweep.ask.NAME".
package queue
