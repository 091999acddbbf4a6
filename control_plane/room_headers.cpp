// Owns the precompiled headers of all rooms (CMakeLists.txt); does nothing.
