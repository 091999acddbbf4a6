# The rule that `config` relies on; sourced by nginx's configure once it has written the Makefile.
cat << END                                                    >> $NGX_MAKEFILE

$nexus_library:
	cmake -S $ngx_addon_dir/.. -B $nexus_objs/nexus -DCMAKE_BUILD_TYPE=RelWithDebInfo -DNEXUS_MODULE_ONLY=ON \\
		-DNEXUS_NGINX_SOURCE_DIR=$PWD -DNEXUS_NGINX_OBJS_DIR=$nexus_objs
	cmake --build $nexus_objs/nexus --target nexus_module_static nexus_shared

END
