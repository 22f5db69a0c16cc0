/* catalogue_contract_story.h - the story of one container by OpenIO's rules: what is done in it,
 * and what is there after it. */
#ifndef FY_TESTS_CATALOGUE_CONTRACT_STORY_H
#define FY_TESTS_CATALOGUE_CONTRACT_STORY_H

#include "tests/contract/catalogue_contract.h"

#define STORY_ACCOUNT "Account A"
#define STORY_NAME    "c"

/* ------------------------------------------------------------------ what is done */

/* Each change happens 10 ms after the one before it. */

/* The container, with that policy of versions; "" it sets none. The outbox is empty. */
void story_setup(struct contract *c, const char *policy);
/* Sets a property of the container. */
void story_set(struct contract *c, const char *key, const char *value);

struct fy_object_key story_key(const char *object);
/* An upload by the rules, as OpenIO's clients do it; version 0: the next. */
struct fy_cat_upload_finish story_upload(struct contract *c, const char *object, const char *bytes,
                                         int64_t version);
enum fy_code story_put(struct contract *c, const char *object, const char *bytes);
/* As the routes of CCS do it. */
enum fy_code story_put_as_ccs(struct contract *c, const char *object, const char *bytes);
/* version 0: the name, by the policy. */
struct fy_cat_object_delete story_delete(struct contract *c, const char *object, int64_t version);
enum fy_code story_rm(struct contract *c, const char *object, int64_t version);
/* A version of these bytes that has no body yet, and a property. */
struct fy_cat_register story_register(struct contract *c, const char *object, const char *bytes,
                                      int64_t version);

/* An order of another site about the object "o", newer than all that was done. */
struct fy_cat_apply story_order(struct contract *c, enum fy_action action, const char *bytes);
/* One whose source writes names again; it is applied, and nothing contradicts it. */
void story_apply(struct contract *c, enum fy_action action, const char *bytes);

/* ------------------------------------------------------------------ what is there */

struct story {
    char text[256];
    int64_t numbers[16]; /* of the versions, in the order of the text */
    size_t count;
};

/* All versions, newest first: a body "B3" by its size, a marker "M", a registered one "R3". */
struct story story_of(struct contract *c);
/* What is listed, and that the sums of the container are those of its rows. */
void story_expect(struct contract *c, const char *story);
/* Rows, asserted to be there: the name's, and a version's; version 0: the newest. */
struct fy_object_row story_object(struct contract *c, const char *object);
struct fy_object_row story_version(struct contract *c, const char *object, int64_t version);
/* What other sites and CCS see: the size of the READY object, -1 there is none. */
int64_t story_seen(struct contract *c, const char *object);
/* The orders written since the last time: "CREATE3 DELETE", by the size they promise. */
void story_expect_orders(struct contract *c, const char *expected);

#endif
