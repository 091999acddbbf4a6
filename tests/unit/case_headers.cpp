// Owns the precompiled headers of all cases: see CMakeLists.txt.
int main() {}
