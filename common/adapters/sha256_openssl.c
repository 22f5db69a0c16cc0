/* sha256_openssl.c - the hashing port over libcrypto. */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/ports/sha256.h"

struct fy_sha256 {
    EVP_MD_CTX *context;
};

/* Fetched once for the life of the process and constant from then on: an implicit fetch at every
 * EVP_DigestInit takes locks of the provider store, which many threads would then share. */
static EVP_MD *algorithm;
static pthread_once_t algorithm_once = PTHREAD_ONCE_INIT;

static void algorithm_fetch(void)
{
    algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *algorithm_get(void)
{
    int failed = pthread_once(&algorithm_once, algorithm_fetch);
    FY_ASSERT(failed == 0);
    FY_ASSERT(algorithm != NULL); /* a libcrypto without SHA-256 is a broken installation */
    return algorithm;
}

struct fy_sha256 *fy_sha256_new(void)
{
    struct fy_sha256 *hash = fy_alloc(sizeof(*hash));
    hash->context = EVP_MD_CTX_new();
    FY_ASSERT(hash->context != NULL);
    fy_sha256_reset(hash);
    return hash;
}

void fy_sha256_free(struct fy_sha256 *hash)
{
    if (hash == NULL)
        return;
    EVP_MD_CTX_free(hash->context);
    free(hash);
}

void fy_sha256_reset(struct fy_sha256 *hash)
{
    /* With the same algorithm as before, libcrypto keeps the memory of the context. */
    int done = EVP_DigestInit_ex2(hash->context, algorithm_get(), NULL);
    FY_ASSERT(done == 1);
}

void fy_sha256_update(struct fy_sha256 *hash, const void *bytes, size_t size_bytes)
{
    int done = size_bytes == 0 ? 1 : EVP_DigestUpdate(hash->context, bytes, size_bytes);
    FY_ASSERT(done == 1);
}

void fy_sha256_final(struct fy_sha256 *hash, struct fy_digest *digest)
{
    unsigned size_bytes = 0;
    int done = EVP_DigestFinal_ex(hash->context, digest->bytes, &size_bytes);
    FY_ASSERT(done == 1);
    FY_ASSERT(size_bytes == FY_SHA256_BYTES);
}

void fy_sha256_of(const void *bytes, size_t size_bytes, struct fy_digest *digest)
{
    unsigned digest_bytes = 0;
    int done = EVP_Digest(bytes, size_bytes, digest->bytes, &digest_bytes, algorithm_get(), NULL);
    FY_ASSERT(done == 1);
    FY_ASSERT(digest_bytes == FY_SHA256_BYTES);
}
