// Key sets as a provider publishes them. What is kept can be chosen by its kid or is ambiguous; a key with a
// fault is never chosen.
#include "shared/jose/dpop_key.h"
#include "shared/jose/jwk_set.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    namespace jose = nexus::jose;
    using nexus::fuzz::require;
    const std::string_view text = nexus::fuzz::as_text(data, size);
    if (const auto key = jose::DpopKey::parse(text)) {
        require(key->proof({.method = "GET", .uri = text, .jti = "j"}).has_value());
    }
    for (const std::string &candidate : {std::string{text}, R"({"keys":[)" + std::string{text} + "]}"}) {
        const nexus::Result<jose::JwkSet> set = jose::JwkSet::parse(candidate);
        if (!set) {
            require(set.error().errc == nexus::Errc::kProviderError);
            continue;
        }
        require(set->usable() <= set->size() && set->size() <= jose::JwkSet::kMaxKeys);
        size_t chosen = 0;
        for (const jose::SignatureAlgorithm &algorithm : jose::signature_algorithms()) {
            const auto key = set->choose("", algorithm);
            if (key) {
                require((*key)->fault == jose::KeyFault::kNone && (*key)->key);
                require((*key)->kid.empty() || set->has_kid((*key)->kid));
                ++chosen;
            }
        }
        require(chosen == 0 || set->usable() > 0);
    }
    return 0;
}
