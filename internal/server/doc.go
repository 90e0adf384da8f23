// Package server puts the parts together: it lays out the data directory, opens
// the stores, makes the account at the first start, and runs the listener until
// it is told to stop. It knows where everything is kept and in which order it
// is opened and closed; it reads no request but those for its health.
//
// The data directory, which one process at a time may use, holds:
//
//	lock               who uses it
//	directory.db       accounts, users, policies, buckets
//	objects/           the contents of buckets
//	keys/master.key    the key that secrets are encrypted under
package server
