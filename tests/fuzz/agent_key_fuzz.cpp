// What callers present: an API key is never taken for a JWT nor a JWT for a key, and names have one form.
#include <string>

#include "shared/caller/identity.h"
#include "shared/jose/compact.h"
#include "shared/record/caller_record.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace nexus;
    using fuzz::require;
    const std::string_view text = fuzz::as_text(data, size);
    const bool is_key = record::is_agent_key(text);
    require(!is_key || (text.size() == 64 && text.starts_with("nxa_")));
    require(!is_key || !jose::looks_like_jwt(text));

    if (const std::optional<std::string> san = caller::canonical_san(text)) {
        require(san->size() <= caller::kMaxSanBytes && caller::canonical_san(*san) == san);
        require(caller::mtls_sha256(*san).size() == 64);
    }
    (void)caller::is_subject(text);
    (void)caller::is_issuer(text);
    return 0;
}
