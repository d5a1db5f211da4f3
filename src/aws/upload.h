/* A file as the body of PutObject, in chunks that are read, signed and sent one after the other:
 * memory is one chunk, and the file is read once. Behind them come the file's CRC32C, which the
 * service compares with what it has got, and a signature of it (aws-chunked,
 * STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER).
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html */
#ifndef KN_AWS_UPLOAD_H
#define KN_AWS_UPLOAD_H

#include "aws/sigv4.h"
#include "net/transfer.h"

typedef struct kn_upload kn_upload;

extern const char kn_upload_trailer[]; /* the value of x-amz-trailer */

/* A regular file; its size is settled now. */
KN_MUST_CHECK bool kn_upload_open(const char *path, kn_upload **out, kn_err *err);
void kn_upload_close(kn_upload *upload); /* NULL is nothing */

uint64_t kn_upload_size(const kn_upload *upload); /* of the file */

/* The body, from the beginning, behind a request with this signature. key and scope are copied, but
 * for the scope's texts. Valid until begun again or closed. */
const kn_transfer_source *kn_upload_begin(kn_upload *upload, const kn_sigv4_key *key,
                                          const kn_sigv4_scope *scope, const char signature[65]);

/* Why reading gave up; NULL when it did not. */
const kn_err *kn_upload_failure(const kn_upload *upload);

#endif
