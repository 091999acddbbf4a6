// What nexusctl prints must arrive: a key is shown once, and a list may be somebody's backup.
#pragma once

namespace nexus::control::cli {

/// Call first. A standard stream that is closed would otherwise be the number of the next socket, and what is
/// printed would be sent. Such a stream takes nothing from then on. returns whether there is a stdout
bool hold_standard_streams() noexcept;

/// Has stdout taken all that was printed? false = told already
bool output_arrived();

}  // namespace nexus::control::cli
