/* Reading JSON from outside, see json.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "json/json.h"
#include "json/mend.h"

const char *json_member_string(const json_t *object, const char *key) {
        const json_t *v = json_object_get(object, key);
        const char *s = json_string_value(v);

        /* Cut at an embedded NUL, one name could pass for another. */
        return s && strlen(s) == json_string_length(v) ? s : NULL;
}

const json_t *json_member_object(const json_t *object, const char *key) {
        const json_t *v = json_object_get(object, key);

        return json_is_object(v) ? v : NULL;
}

const json_t *json_member_array(const json_t *object, const char *key) {
        const json_t *v = json_object_get(object, key);

        return json_is_array(v) ? v : NULL;
}

int64_t json_member_int(const json_t *object, const char *key, int64_t otherwise) {
        const json_t *v = json_object_get(object, key);

        return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool json_member_bool(const json_t *object, const char *key, bool otherwise) {
        const json_t *v = json_object_get(object, key);

        return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

void json_wipe_what_is_freed(void) {
        json_set_alloc_funcs(malloc, erase_and_free);
}

bool json_is_out_of_memory(const json_error_t *error) {
        return errno == ENOMEM || json_error_code(error) == json_error_out_of_memory;
}

json_t *json_copy_whole(const json_t *v) {
        json_t *copy = json_is_array(v) ? json_array() : json_object();
        int r = json_is_array(v) ? json_array_extend(copy, (json_t *) v) : json_object_update(copy, (json_t *) v);

        if (r == 0)
                return copy;
        json_decref(copy);
        return NULL;
}

json_t *json_pack_whole(const char *format, ...) {
        json_error_t error;
        va_list ap;
        json_t *v;

        errno = 0;
        va_start(ap, format);
        v = json_vpack_ex(&error, 0, format, ap);
        va_end(ap);
        if (v && errno != ENOMEM)
                return v;
        json_decref(v);
        errno = v || json_is_out_of_memory(&error) ? ENOMEM : EINVAL;
        return NULL;
}

/* Into room that is there already: nothing on the way can be left out. */
char *json_dumps_whole(const json_t *v, size_t flags) {
        size_t size = json_dumpb(v, NULL, 0, flags);
        char *text = size > 0 ? malloc(size + 1) : NULL;

        if (!text)
                return NULL;
        if (json_dumpb(v, text, size, flags) != size) {
                erase_and_free(text);
                return NULL;
        }
        text[size] = '\0';
        return text;
}

int json_parse(const char *data, size_t size, json_t **ret) {
        char *mended = NULL;
        size_t mended_size = 0;
        json_error_t error;
        json_t *v;
        int r = json_mend(data, size, &mended, &mended_size);

        if (r < 0)
                return r;
        errno = 0;
        v = json_loadb(r > 0 ? mended : data, r > 0 ? mended_size : size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
        /* It may hold a token. */
        if (mended)
                explicit_bzero(mended, mended_size);
        free(mended);
        if (!v)
                return json_is_out_of_memory(&error) ? -ENOMEM : -EBADMSG;
        *ret = v;
        return 0;
}
