// What a location may do with nexus: the values of nexus_auth, nexus_api and nexus_inject, as numbers that
// nginx's enum slots fill in. What follows from them is access.cpp's business.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

enum class AuthMode : ngx_uint_t { kOff, kApiKey };

enum class ApiMode : ngx_uint_t { kOff, kToken, kRefresh, kCheck, kPass };

enum class InjectMode : ngx_uint_t { kOff, kAuto, kOauth2, kHeader, kQueryParam, kBasicAuth };

}  // namespace nexus::edge
