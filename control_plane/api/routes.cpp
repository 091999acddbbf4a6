// The route table as a whole: see api.h.
#include "control_plane/api/api.h"

#include <iterator>

namespace nexus::control {

Routes all_routes(ApiContext &context) {
    Routes all;
    for (auto *group : {provider_routes, flow_routes, connect_routes, gateway_routes, connection_routes,
                        import_routes, agent_routes, issuer_routes, control_key_routes, workspace_routes,
                        edge_routes, vault_routes, audit_routes, probe_routes}) {
        Routes routes = group(context);
        std::move(routes.begin(), routes.end(), std::back_inserter(all));
    }
    return all;
}

Router make_router(ApiContext &context, const Gate &gate) {
    Router router;
    for (Route &route : all_routes(context)) {
        router.add(route.method, route.pattern, gate.guard(route.access, std::move(route.handler)));
    }
    return router;
}

}  // namespace nexus::control
