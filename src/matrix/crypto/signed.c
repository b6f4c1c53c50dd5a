/* See signed.h. */
#include "matrix/crypto/signed.h"

#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/crypto/crypto.h"

#define INTEGER_MAX ((INT64_C(1) << 53) - 1)

static bool is_canonical(const json_t *v, size_t depth) {
        const char *key;
        json_t *member;
        size_t i;

        if (depth > JSON_DEPTH_MAX)
                return false;
        switch (json_typeof(v)) {
        case JSON_REAL:
                return false;
        case JSON_INTEGER:
                return json_integer_value(v) >= -INTEGER_MAX && json_integer_value(v) <= INTEGER_MAX;
        case JSON_OBJECT:
                json_object_foreach((json_t *) v, key, member) if (!is_canonical(member, depth + 1)) return false;
                return true;
        case JSON_ARRAY:
                json_array_foreach(v, i, member) if (!is_canonical(member, depth + 1)) return false;
                return true;
        case JSON_STRING:
        case JSON_TRUE:
        case JSON_FALSE:
        case JSON_NULL:
                return true;
        }
        return false;
}

int signed_json_bytes(const json_t *object, char **ret) {
        SCOPED(json_decref) json_t *bare = NULL;
        char *bytes;

        if (!json_is_object(object) || !is_canonical(object, 0))
                return -EBADMSG;
        bare = json_copy_whole(object);
        if (!bare)
                return -ENOMEM;
        (void) json_object_del(bare, "signatures");
        (void) json_object_del(bare, "unsigned");
        /* Byte order of UTF-8 is the order of code points. */
        bytes = json_dumps_whole(bare, JSON_COMPACT | JSON_SORT_KEYS);
        if (!bytes)
                return -ENOMEM;
        *ret = bytes;
        return 0;
}

static int key_name(const char *name, char **ret) {
        return asprintf(ret, "ed25519:%s", name) < 0 ? -ENOMEM : 0;
}

int signed_json_check(const json_t *object, const char *user_id, const char *name, const char *key) {
        SCOPED(free) char *bytes = NULL, *key_id = NULL;
        const char *signature;
        int r = key_name(name, &key_id);

        if (r < 0)
                return r;
        signature = json_member_string(json_member_object(json_member_object(object, "signatures"), user_id), key_id);
        if (!signature)
                return -EBADMSG;
        r = signed_json_bytes(object, &bytes);
        if (r < 0)
                return r;
        return crypto_verify(key, bytes, strlen(bytes), signature);
}

int signed_json_add(json_t *object, const char *user_id, const char *name, const char *signature) {
        SCOPED(free) char *key_id = NULL;
        json_t *all, *own;
        int r = key_name(name, &key_id);

        if (r < 0)
                return r;
        all = json_object_get(object, "signatures");
        if (!all) {
                all = json_object();
                if (json_object_set_new(object, "signatures", all) < 0)
                        return -ENOMEM;
        }
        own = json_object_get(all, user_id);
        if (!own) {
                own = json_object();
                if (json_object_set_new(all, user_id, own) < 0)
                        return -ENOMEM;
        }
        return json_object_set_new(own, key_id, json_string(signature)) < 0 ? -ENOMEM : 0;
}
