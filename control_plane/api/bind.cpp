// Handlers bound to the context: see api.h.
#include "control_plane/api/api.h"

namespace nexus::control {

CallerHandler bind(ApiContext &context, ContextHandler handler) {
    return [&context, handler](const Request &request, const Caller &caller) {
        return handler(context, request, caller);
    };
}

CallerHandler bind(ApiContext &context, AnonymousHandler handler) {
    return [&context, handler](const Request &request, const Caller &) { return handler(context, request); };
}

}  // namespace nexus::control
