/* What people compare (specification, "SAS method: emoji"), with the English names that other clients show, too. */
#pragma once

#define SAS_EMOJI_KINDS 64

struct sas_emoji {
        const char *emoji, *name;
};
extern const struct sas_emoji sas_emoji_table[SAS_EMOJI_KINDS];
