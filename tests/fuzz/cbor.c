/* Any bytes as CBOR: what becomes JSON is JSON, may be skipped whole, and comes back the same from
 * CBOR again. */
#include "base/cbor.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const kn_cbor_names none;
    kn_slice in = {(const char *)data, n}, rest = in;
    kn_buf first, cbor, second;
    kn_err err;
    kn_buf_init(&first, 32 * n + 64);
    kn_buf_init(&cbor, 64 * n + 64);
    kn_buf_init(&second, 32 * n + 64);
    if (kn_cbor_to_json(in, &first, &err)) {
        json_t *value = json_loadb(first.p, first.len, JSON_DECODE_ANY, NULL);
        bool large = !value; /* jansson takes no integer beyond 63 bits, no NUL in a name */
        json_decref(value);
        if (!kn_cbor_skip(&rest) || rest.n ||
            !kn_cbor_from_json(kn_buf_view(&first), &none, &cbor, &err) ||
            !kn_cbor_to_json(kn_buf_view(&cbor), &second, &err) ||
            (!large && !kn_slice_eq(kn_buf_view(&first), kn_buf_view(&second))))
            abort();
    }
    kn_buf_free(&first);
    kn_buf_free(&cbor);
    kn_buf_free(&second);
    return 0;
}
