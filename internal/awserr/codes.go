package awserr

import "net/http"

// Errors that every service answers with ("Common Errors", IAM API Reference;
// "Error responses", Amazon S3 API Reference).
var (
	AccessDenied          = New("AccessDenied", http.StatusForbidden, "Access Denied")
	InternalError         = New("InternalError", http.StatusInternalServerError, "We encountered an internal error. Please try again.")
	ServiceUnavailable    = New("ServiceUnavailable", http.StatusServiceUnavailable, "Service is unable to handle request.")
	SlowDown              = New("SlowDown", http.StatusServiceUnavailable, "Please reduce your request rate.")
	NotImplemented        = New("NotImplemented", http.StatusNotImplemented, "A header you provided implies functionality that is not implemented")
	MethodNotAllowed      = New("MethodNotAllowed", http.StatusMethodNotAllowed, "The specified method is not allowed against this resource.")
	RequestTimeout        = New("RequestTimeout", http.StatusBadRequest, "Your socket connection to the server was not read from or written to within the timeout period.")
	RequestHeadersTooLong = New("RequestHeaderSectionTooLarge", http.StatusBadRequest, "Your request header section exceeds the maximum allowed request header section size.")
)

// Errors of authentication ("Error responses", Amazon S3 API Reference).
var (
	SignatureDoesNotMatch             = New("SignatureDoesNotMatch", http.StatusForbidden, "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	InvalidAccessKeyID                = New("InvalidAccessKeyId", http.StatusForbidden, "The AWS Access Key Id you provided does not exist in our records.")
	InvalidToken                      = New("InvalidToken", http.StatusBadRequest, "The provided token is malformed or otherwise invalid.")
	ExpiredToken                      = New("ExpiredToken", http.StatusBadRequest, "The provided token has expired.")
	RequestTimeTooSkewed              = New("RequestTimeTooSkewed", http.StatusForbidden, "The difference between the request time and the current time is too large.")
	AuthorizationHeaderMalformed      = New("AuthorizationHeaderMalformed", http.StatusBadRequest, "The authorization header that you provided is not valid.")
	AuthorizationQueryParametersError = New("AuthorizationQueryParametersError", http.StatusBadRequest, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
	MissingSecurityHeader             = New("MissingSecurityHeader", http.StatusBadRequest, "Your request was missing a required header")
	XAmzContentSHA256Mismatch         = New("XAmzContentSHA256Mismatch", http.StatusBadRequest, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	MissingAuthenticationToken        = New("MissingAuthenticationToken", http.StatusForbidden, "Request is missing Authentication Token")
)

// Errors of S3 ("Error responses", Amazon S3 API Reference).
var (
	BadDigest                    = New("BadDigest", http.StatusBadRequest, "The Content-MD5 you specified did not match what we received.")
	BucketAlreadyExists          = New("BucketAlreadyExists", http.StatusConflict, "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.")
	BucketAlreadyOwnedByYou      = New("BucketAlreadyOwnedByYou", http.StatusConflict, "Your previous request to create the named bucket succeeded and you already own it.")
	BucketNotEmpty               = New("BucketNotEmpty", http.StatusConflict, "The bucket you tried to delete is not empty")
	EntityTooLarge               = New("EntityTooLarge", http.StatusBadRequest, "Your proposed upload exceeds the maximum allowed size")
	EntityTooSmall               = New("EntityTooSmall", http.StatusBadRequest, "Your proposed upload is smaller than the minimum allowed size")
	IncompleteBody               = New("IncompleteBody", http.StatusBadRequest, "You did not provide the number of bytes specified by the Content-Length HTTP header")
	InvalidArgument              = New("InvalidArgument", http.StatusBadRequest, "Invalid Argument")
	InvalidBucketName            = New("InvalidBucketName", http.StatusBadRequest, "The specified bucket is not valid.")
	InvalidChunkSize             = New("InvalidChunkSizeError", http.StatusForbidden, "Only the last chunk is allowed to have a size less than 8192 bytes")
	InvalidDigest                = New("InvalidDigest", http.StatusBadRequest, "The Content-MD5 you specified was invalid.")
	InvalidPart                  = New("InvalidPart", http.StatusBadRequest, "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
	InvalidPartOrder             = New("InvalidPartOrder", http.StatusBadRequest, "The list of parts was not in ascending order. Parts must be ordered by part number.")
	InvalidRange                 = New("InvalidRange", http.StatusRequestedRangeNotSatisfiable, "The requested range is not satisfiable")
	InvalidRequest               = New("InvalidRequest", http.StatusBadRequest, "Invalid Request")
	InvalidStorageClass          = New("InvalidStorageClass", http.StatusBadRequest, "The storage class you specified is not valid")
	InvalidURI                   = New("InvalidURI", http.StatusBadRequest, "Couldn't parse the specified URI.")
	KeyTooLong                   = New("KeyTooLongError", http.StatusBadRequest, "Your key is too long")
	MalformedPolicy              = New("MalformedPolicy", http.StatusBadRequest, "Policies must be valid JSON and the first byte must be '{'")
	MalformedTrailer             = New("MalformedTrailerError", http.StatusBadRequest, "The request contained trailing data that was not well-formed or did not conform to our published schema.")
	MalformedXML                 = New("MalformedXML", http.StatusBadRequest, "The XML you provided was not well-formed or did not validate against our published schema")
	MaxMessageLengthExceeded     = New("MaxMessageLengthExceeded", http.StatusBadRequest, "Your request was too big.")
	MetadataTooLarge             = New("MetadataTooLarge", http.StatusBadRequest, "Your metadata headers exceed the maximum allowed metadata size")
	MissingContentLength         = New("MissingContentLength", http.StatusLengthRequired, "You must provide the Content-Length HTTP header.")
	MissingRequestBody           = New("MissingRequestBodyError", http.StatusBadRequest, "Request body is empty.")
	NoSuchBucket                 = New("NoSuchBucket", http.StatusNotFound, "The specified bucket does not exist")
	NoSuchBucketPolicy           = New("NoSuchBucketPolicy", http.StatusNotFound, "The bucket policy does not exist")
	NoSuchKey                    = New("NoSuchKey", http.StatusNotFound, "The specified key does not exist.")
	NoSuchUpload                 = New("NoSuchUpload", http.StatusNotFound, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
	NoSuchVersion                = New("NoSuchVersion", http.StatusNotFound, "The specified version does not exist.")
	NotModified                  = New("NotModified", http.StatusNotModified, "Not Modified")
	OperationAborted             = New("OperationAborted", http.StatusConflict, "A conflicting conditional operation is currently in progress against this resource. Try again.")
	PreconditionFailed           = New("PreconditionFailed", http.StatusPreconditionFailed, "At least one of the pre-conditions you specified did not hold")
	ConditionalRequestConflict   = New("ConditionalRequestConflict", http.StatusConflict, "The conditional request cannot succeed due to a conflicting operation against this resource.")
	TooManyBuckets               = New("TooManyBuckets", http.StatusBadRequest, "You have attempted to create more buckets than allowed")
	UnexpectedContent            = New("UnexpectedContent", http.StatusBadRequest, "This request does not support content")
	AccessControlListUnsupported = New("AccessControlListNotSupported", http.StatusBadRequest, "The bucket does not allow ACLs")
)

// Errors of IAM and STS (the "Errors" part of each action, IAM and STS API
// References).
var (
	DeleteConflict          = New("DeleteConflict", http.StatusConflict, "Cannot delete entity, must remove referenced objects first.")
	EntityAlreadyExists     = New("EntityAlreadyExists", http.StatusConflict, "Entity already exists.")
	IncompleteSignature     = New("IncompleteSignature", http.StatusBadRequest, "The request signature does not conform to AWS standards.")
	InvalidAction           = New("InvalidAction", http.StatusBadRequest, "Could not find operation")
	InvalidInput            = New("InvalidInput", http.StatusBadRequest, "Invalid input.")
	InvalidParameterValue   = New("InvalidParameterValue", http.StatusBadRequest, "Invalid parameter value.")
	LimitExceeded           = New("LimitExceeded", http.StatusConflict, "Cannot exceed quota.")
	MalformedPolicyDocument = New("MalformedPolicyDocument", http.StatusBadRequest, "Syntax errors in policy.")
	NoSuchEntity            = New("NoSuchEntity", http.StatusNotFound, "The entity does not exist.")
	PackedPolicyTooLarge    = New("PackedPolicyTooLarge", http.StatusBadRequest, "Packed policy is too large.")
	UnmodifiableEntity      = New("UnmodifiableEntity", http.StatusBadRequest, "The entity cannot be modified.")
	ValidationError         = New("ValidationError", http.StatusBadRequest, "1 validation error detected")
)
