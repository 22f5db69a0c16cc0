/* catalogue_old.h - a catalogue as programs without versions left it, and what has become of it. */
#ifndef FY_TESTS_CATALOGUE_OLD_H
#define FY_TESTS_CATALOGUE_OLD_H

#include "tests/contract/catalogue_contract.h"

/* Rows in the schema before containers had ids, sums and rules, and objects numbers. digest: 32
 * bytes as the engine writes them. */
void catalogue_old_fill(struct contract *c, const char *digest);
/* Opened by this program it has all of that, and goes on. */
void catalogue_old_check(struct contract *c);

#endif
