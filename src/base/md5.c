/* See md5.h. "-fips": also where only approved algorithms are the default. */
#include "base/md5.h"

#include <openssl/evp.h>

static bool fail(kn_err *err) {
    return kn_fail(err, KN_ESTATE, "OpenSSL has no MD5, which routes records to shards");
}

static bool open_context(kn_md5 *md5, kn_err *err) {
    md5->context = md5->algorithm ? EVP_MD_CTX_new() : NULL;
    if (md5->context)
        return true;
    kn_md5_free(md5);
    return fail(err);
}

bool kn_md5_init(kn_md5 *md5, kn_err *err) {
    *md5 = (kn_md5){EVP_MD_fetch(NULL, "MD5", "-fips"), NULL};
    return open_context(md5, err);
}

bool kn_md5_share(kn_md5 *md5, const kn_md5 *from, kn_err *err) {
    *md5 = (kn_md5){EVP_MD_up_ref(from->algorithm) ? from->algorithm : NULL, NULL};
    return open_context(md5, err);
}

void kn_md5_free(kn_md5 *md5) {
    EVP_MD_CTX_free(md5->context);
    EVP_MD_free(md5->algorithm);
    *md5 = (kn_md5){NULL, NULL};
}

bool kn_md5_digest(kn_md5 *md5, kn_slice bytes, unsigned char out[16], kn_err *err) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (!EVP_DigestInit_ex2(md5->context, md5->algorithm, NULL) ||
        !EVP_DigestUpdate(md5->context, bytes.p, bytes.n) ||
        !EVP_DigestFinal_ex(md5->context, digest, NULL))
        return fail(err);
    memcpy(out, digest, 16);
    return true;
}
