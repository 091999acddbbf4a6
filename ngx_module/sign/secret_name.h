// Names under which a worker finds again what it has made of a secret.
#pragma once

#include <initializer_list>
#include <string_view>

#include "shared/crypto/digest.h"

namespace nexus::edge {

/// A hash of the parts and of a salt that only this process knows: tells nothing of the secret among them to
/// who does not have the salt, which is in no other place than the secret itself.
crypto::Sha256 secret_name(std::initializer_list<std::string_view> parts);

}  // namespace nexus::edge
