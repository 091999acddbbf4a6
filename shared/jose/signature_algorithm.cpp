// The algorithms of signatures: see signature_algorithm.h.
#include "shared/jose/signature_algorithm.h"

#include <algorithm>
#include <array>

namespace nexus::jose {

namespace {

constexpr std::array<SignatureAlgorithm, 10> kAlgorithms{{
    {"RS256", "RSA", "", "SHA2-256", 0},
    {"RS384", "RSA", "", "SHA2-384", 0},
    {"RS512", "RSA", "", "SHA2-512", 0},
    {"PS256", "RSA", "", "SHA2-256", 0},
    {"PS384", "RSA", "", "SHA2-384", 0},
    {"PS512", "RSA", "", "SHA2-512", 0},
    {"ES256", "EC", "P-256", "SHA2-256", 64},
    {"ES384", "EC", "P-384", "SHA2-384", 96},
    {"ES512", "EC", "P-521", "SHA2-512", 132},
    {"EdDSA", "OKP", "Ed25519", "SHA2-512", 64},
}};

}  // namespace

const SignatureAlgorithm *find_signature_algorithm(std::string_view name) noexcept {
    const auto *found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                     [&](const auto &entry) { return entry.name == name; });
    return found == kAlgorithms.end() ? nullptr : found;
}

std::span<const SignatureAlgorithm> signature_algorithms() noexcept {
    return kAlgorithms;
}

}  // namespace nexus::jose
