// A key that is replaced ends early, and remembers how long it was made for: whoever replaces it once more
// (the answer was lost) gets a key that lives as long.
#pragma once

/// To be SET in the statement that ends a key.
#define NEXUS_KEEP_LIFETIME                                                                                 \
    "lifetime_ms = CASE WHEN lifetime_ms >= 0 THEN lifetime_ms WHEN expires_at = 0 THEN 0 ELSE expires_at " \
    "- created_at END"
