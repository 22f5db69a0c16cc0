/* sites_pack_fuzz.c - the topology as another process may have put it into a shared cache. */
/* What is taken can be written again, byte for byte; what is not leaves the count alone. */
#include "common/runtime/sites.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    uint8_t *bytes = fuzz_copy(data, size_bytes);
    uint8_t *again = fy_alloc(FY_SITES_PACK_BYTES_MAX);
    struct fy_site_row *rows = fy_alloc(FY_SITES_MAX * sizeof(*rows));
    size_t count = FY_SITES_MAX + 1;

    enum fy_code code = fy_sites_unpack(bytes, size_bytes, rows, &count);
    if (code == FY_OK) {
        FY_ASSERT(count <= FY_SITES_MAX);
        FY_ASSERT(fy_sites_pack(rows, count, again) == size_bytes);
        FY_ASSERT(memcmp(again, bytes, size_bytes) == 0);
    } else {
        FY_ASSERT(code == FY_ECORRUPT);
        FY_ASSERT(count == FY_SITES_MAX + 1);
    }
    free(rows);
    free(again);
    free(bytes);
    return 0;
}
