// Key material as an operator might mistype it: current and previous keys, split by NUL. A keyring that is
// accepted must seal and open; a refusal must be one of the known sentences, which repeat nothing of the
// input.
#include <regex>
#include <string>

#include "shared/crypto/keyring.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using nexus::fuzz::require;
    std::string_view rest = nexus::fuzz::as_text(data, size);
    const std::string_view current = nexus::fuzz::take_part(rest);
    const auto keyring =
        nexus::crypto::Keyring::from_base64({"KEY", nexus::Secret{current}}, {"OLD", nexus::Secret{rest}});
    if (keyring) {
        const std::string box = keyring->seal("text", "ad").value();
        require(keyring->open(box, "ad").value().view() == "text");
        require(!keyring->open(rest, "ad"));
    } else {
        static const std::regex known(
            R"((KEY|OLD \(key \d+\)) must be base64 of exactly 32 bytes )"
            R"(\((it is empty|got \d+|got something that is not base64)\); make one with: openssl rand -base64 32)"
            R"(|OLD \(key \d+\) is given twice \(key id [0-9a-f]{16}\)|OLD has more than 16 keys)");
        require(std::regex_match(keyring.error().message, known) && keyring.error().detail.empty());
    }
    return 0;
}
