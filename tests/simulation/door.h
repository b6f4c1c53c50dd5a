/* The doors that are replaced at link time: clock, chance, disk and log. Everything runs on one thread; whose objects
 * are being run is the machine of now. */
#pragma once

#include "core/base.h"

/* ---- clock and chance ---- */

struct chance {
        uint64_t state;
};
uint64_t chance_next(struct chance *c);
/* Below n, which is not 0. */
uint32_t chance_below(struct chance *c, uint32_t n);
/* Between both, both included. */
usec_t chance_between(struct chance *c, usec_t from, usec_t to);
bool chance_percent(struct chance *c, unsigned percent);

usec_t door_now(void);
void door_set_now(usec_t now);
/* The time of day may jump. */
void door_set_wall(usec_t wall_at_zero);
void door_jump(bool back, usec_t span);
usec_t door_wall(void);
void door_seed(uint64_t seed); /* of the product's own random numbers */

/* ---- death in the middle of a turn ---- */

/* From the n-th step on that leaves a trace outside (a file, a request), nothing does any more. 0: right now. */
void door_die_after(unsigned n_steps);
void door_live(void);
unsigned door_steps_left(void); /* 0: not about to die */
bool door_is_dead(void);
/* A step outside is about to be taken. False: the machine is dead, leave it. */
bool door_step(void);

/* ---- disk ---- */

/* What was not flushed is lost, or torn. */
void disk_power_cut(const char *dir, struct chance *c);
void disk_forget(void);
/* Written files and flushes so far. */
uint64_t disk_n_writes(void);

/* ---- log ---- */

void door_trace(bool on);
bool door_is_traced(void);
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whose lines follow. */
void door_set_name(const char *name);
