// Names under which a worker finds again what it has made of a secret.
#pragma once

#include <initializer_list>
#include <string_view>

#include "shared/crypto/secret_tag.h"

namespace nexus::edge {

/// Of the parts, each with its end: the same for the same parts, in this process.
crypto::SecretTag secret_name(std::initializer_list<std::string_view> parts);

}  // namespace nexus::edge
