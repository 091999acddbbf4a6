// Parts joined, and tagged.
#include "ngx_module/sign/secret_name.h"

#include <string>

#include "shared/wiped_scratch.h"

namespace nexus::edge {

crypto::SecretTag secret_name(std::initializer_list<std::string_view> parts) {
    static const crypto::SecretTagger tagger;
    WipedScratch<512> scratch;
    size_t size = 0;
    for (const std::string_view part : parts) {
        size += part.size() + 1;
    }
    std::pmr::string text(size, '\0', &scratch);
    char *at = text.data();
    for (const std::string_view part : parts) {
        at += part.copy(at, part.size()) + 1;
    }
    return tagger.tag(text);
}

}  // namespace nexus::edge
