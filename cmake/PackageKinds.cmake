# Read by cpack once for each kind of package: a tarball holds the distribution's libraries too, a .deb depends on them.
set(CPACK_COMPONENTS_ALL ${CPACK_ARMORM_COMPONENTS})
set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
if(CPACK_GENERATOR STREQUAL "TGZ" AND CPACK_ARMORM_BUNDLED)
  list(APPEND CPACK_COMPONENTS_ALL distribution_libraries)
endif()
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
endif()
