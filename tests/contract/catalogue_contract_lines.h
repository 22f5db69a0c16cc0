/* catalogue_contract_lines.h - lines of an export, taken out of one catalogue and into another. */
#ifndef FY_TESTS_CATALOGUE_CONTRACT_LINES_H
#define FY_TESTS_CATALOGUE_CONTRACT_LINES_H

#include "tests/contract/catalogue_contract.h"

#define LINES_MAX 4096

struct lines {
    char *texts[LINES_MAX];
    size_t count;
    size_t unknown; /* journal rows that say that anything may have changed */
    int64_t last_id;
};

/* A visitor of lines, whose arg is a struct lines. */
bool lines_add(void *arg, const char *bytes, size_t size_bytes);
void lines_done(struct lines *lines);
/* All rows, or what the journal has since it was read last. */
void lines_export(struct contract *c, struct lines *lines);
void lines_journal(struct contract *c, struct lines *lines);
enum fy_code lines_restore_one(struct contract *c, const char *text);
void lines_restore(struct contract *c, const struct lines *lines);
int lines_compare(const void *a, const void *b); /* of two texts, for qsort */
/* Both hold the same, and the second agrees with itself. */
void lines_assert_alike(struct contract *one, struct contract *two);

/* A second catalogue, empty. */
struct contract *contract_other_new(struct contract *c);
void contract_other_free(struct contract *other);

#endif
