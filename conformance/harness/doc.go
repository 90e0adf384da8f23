// Package harness starts the keywright binary as an operator would, on a free
// loopback port with a data directory of its own, and hands out clients that
// this project did not write: the AWS CLI and aws-sdk-go-v2. It kills, stops
// and restarts the server, reads its logs and its memory, and when a server
// ends it looks for every secret that it was told of in what the server wrote.
//
// It imports nothing of the main module: what it learns, it learns over the
// wire, from exit codes, logs and the files of the data directory.
package harness
