// Parts joined, and tagged.
#include "ngx_module/sign/secret_name.h"

#include <string>

#include "shared/secret.h"

namespace nexus::edge {

crypto::SecretTag secret_name(std::initializer_list<std::string_view> parts) {
    static const crypto::SecretTagger tagger;
    size_t size = 0;
    for (const std::string_view part : parts) {
        size += part.size() + 1;
    }
    std::string text;
    text.reserve(size);
    for (const std::string_view part : parts) {
        text.append(part).append(1, '\0');
    }
    const crypto::SecretTag tag = tagger.tag(text);
    wipe(text);
    return tag;
}

}  // namespace nexus::edge
