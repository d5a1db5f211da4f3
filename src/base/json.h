/* JSON writing into a kn_buf: exact for 64-bit integers, shortest round-trip for doubles, UTF-8
 * passed through. Reading is jansson's (lake) or lua-cjson's (scripts); this is for records and
 * replies.
 *
 *     kn_json j = kn_json_to(&buf);
 *     kn_json_begin(&j, '{');
 *     kn_json_key(&j, "ShardId");
 *     kn_json_cstr(&j, id);
 *     kn_json_end(&j, '}');
 *
 * Commas are put by the writer. Failure is the buffer's (sticky). */
#ifndef KN_BASE_JSON_H
#define KN_BASE_JSON_H

#include "base/buf.h"

typedef struct kn_json {
    kn_buf *out;
    bool comma; /* the next value or key needs one */
} kn_json;

static inline kn_json kn_json_to(kn_buf *out) {
    return (kn_json){out, false};
}

void kn_json_begin(kn_json *j, char bracket); /* '{' or '[' */
void kn_json_end(kn_json *j, char bracket);   /* '}' or ']' */
void kn_json_key(kn_json *j, const char *key);
void kn_json_string(kn_json *j, kn_slice s);
void kn_json_cstr(kn_json *j, const char *s); /* NULL writes null */
void kn_json_int(kn_json *j, int64_t v);
void kn_json_double(kn_json *j, double v); /* NaN and infinities write null */
void kn_json_bool(kn_json *j, bool v);
void kn_json_null(kn_json *j);
void kn_json_raw(kn_json *j, kn_slice json);     /* already JSON */
void kn_json_base64(kn_json *j, kn_slice bytes); /* a string of base64 */

/* How many bytes at the start of s are printable ASCII that a JSON string holds as it is. */
size_t kn_json_plain(kn_slice s);

/* Length of the valid UTF-8 sequence at p, of at most n bytes (n > 0); 0 when there is none. */
size_t kn_utf8_length(const char *p, size_t n);

/* In place: what is not UTF-8, and what draws on a terminal (control characters but newlines and
 * tabs), becomes question marks. */
void kn_utf8_clean(char *p, size_t n);

/* Appends s as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD. */
void kn_json_escape(kn_buf *out, kn_slice s);

/* Writes the shortest decimal that reads back as v; at most 32 bytes with the NUL; returns its
 * length. v must be finite. */
size_t kn_json_format_double(char out[32], double v);
/* The same by printf alone, which the other falls back on. */
size_t kn_json_format_double_slow(char out[32], double v);

#endif
