/* One exported object: a path, an interface and a copy of its property values. What changed is announced from one
 * place, low in priority, so that a burst of changes costs one signal and none for a change that was undone. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

#define OBJECT_ROOT           "/org/busyd/Busyd1"
#define OBJECT_PROPERTIES_MAX 10

/* A text, a number, or rows of texts; its own copy. */
struct value {
        uint64_t number;
        char *bytes; /* texts, each with its NUL; NULL for a number */
        size_t size;
};

struct object_type {
        const char *folder; /* below the root; NULL: it is the root */
        bool plain_names;   /* numbers, that stand in the path as they are */
        const char *interface;
        const sd_bus_vtable *vtable;
        const char *const *names; /* of the properties, by index, n_names of them */
        size_t n_names;
};

/* Reserved to object.c, but for `values` of OBJECT_PROPERTY and for reading. */
struct object {
        struct value values[OBJECT_PROPERTIES_MAX]; /* as they are */
        struct value before[OBJECT_PROPERTIES_MAX]; /* as last announced, where `touched` says so */
        bool touched[OBJECT_PROPERTIES_MAX];
        const struct object_type *type;
        char *path;
        char *name;     /* the part of the path that names it, before encoding; "" at the root */
        void *userdata; /* for methods */
        int problem;    /* of the setters since the last object_commit() */
        bool announced; /* the bus knows of it */
        sd_bus_slot *slot;
        struct object_set *set;
        struct object *next;
};

struct object_set;

int object_set_new(struct object_set **ret, sd_bus *bus);
/* Ends all of its objects, without signals. */
struct object_set *object_set_free(struct object_set *s);
CLEANUP(struct object_set, object_set_free);

/* Exports an object at OBJECT_ROOT/folder/`name`. It belongs to the set. Fill it in before going back to the event
 * loop: that announces it. */
int object_add(struct object **ret, struct object_set *s, const struct object_type *type, const char *name,
               void *userdata);
/* What it holds needs no signal: for the root, which the object manager does not list. */
void object_set_announced(struct object *o);
/* Takes it off the bus and says so. NULL is fine. */
void object_remove(struct object *o);

struct object *object_find(struct object_set *s, const struct object_type *type, const char *name);
/* The objects of one type in the order in which they came; start with NULL, ends with NULL. */
struct object *object_next(struct object_set *s, const struct object_type *type, struct object *previous);

/* A value that cannot be kept stays what it was, and object_commit() tells. Text is made printable; NULL reads as
 * "". */
void object_set_text(struct object *o, size_t property, const char *text);
void object_set_number(struct object *o, size_t property, uint64_t number);
/* A moment on the wall clock, 0: none. Worked out from the boot clock each time, it wobbles by the time between two
 * readings: that alone is no news, and wakes nobody. */
void object_set_time(struct object *o, size_t property, usec_t wall);
/* `n` texts one after another: the fields of all rows. */
void object_set_rows(struct object *o, size_t property, const char *const *texts, size_t n);
/* 0, or -ENOMEM if one of the setters above failed since the last time. */
int object_commit(struct object *o);

const char *object_text(const struct object *o, size_t property);
uint64_t object_number(const struct object *o, size_t property);
/* The texts of rows, one by one; start with NULL, ends with NULL. */
const char *value_next_text(const struct value *v, const char *previous);

/* Getters for OBJECT_PROPERTY, by type. */
#define OBJECT_GETTER(function)                                                                                       \
        int function(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *m,   \
                     void *userdata, sd_bus_error *error)
OBJECT_GETTER(object_get_text);      /* s */
OBJECT_GETTER(object_get_number);    /* t */
OBJECT_GETTER(object_get_number_32); /* u */
OBJECT_GETTER(object_get_bool);      /* b */

#define OBJECT_PROPERTY(name, signature, get, index, flags)                                                           \
        SD_BUS_PROPERTY(name, signature, get, offsetof(struct object, values) + (index) * sizeof(struct value), flags)
