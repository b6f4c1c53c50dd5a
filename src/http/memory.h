/* Memory for libcurl: what it frees is wiped first, for it copies headers and bodies, tokens in them, to many places.
 */
#pragma once

/* curl_global_init() with that; CURLE_OK or what it says. */
int http_memory_init(void);
