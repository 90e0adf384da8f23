package simulate

// Suits lets a test tell which requests no policy is asked about.
var Suits = suits
