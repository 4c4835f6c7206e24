# The contents of a Python wheel (pyproject.toml), instead of Install.cmake and Package.cmake:
#   armorm/            the launcher, which the entry points call (apps/wheel)
#   armorm/bin         the programs, in one file
#   armorm/lib         the distribution's libraries that they need; not LibTorch, Arrow and NVIDIA's, which are found in
#                      the wheels of torch and pyarrow next to armorm
#   armorm/licenses    the licences of what is in armorm/lib and of what is compiled in
#   share of the environment   configs, man pages and completions
if(NOT SKBUILD)
  message(FATAL_ERROR "ARMORM_WHEEL is set by 'pip install .' and 'pip wheel .'; to build without pip, leave it off")
endif()

include(WheelVersion)
set(_project_file ${CMAKE_SOURCE_DIR}/pyproject.toml)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${_project_file})
wheel_version(torch ${LibTorch_PREFIX} ${_project_file} ARMORM_WHEEL_TORCH)
wheel_version(pyarrow ${ArrowParquet_ORIGIN} ${_project_file} ARMORM_WHEEL_PYARROW)
set(ARMORM_WHEEL_CUDA "")
if(LibTorch_HAS_CUDA)
  file(STRINGS ${LibTorch_PREFIX}/version.py _cuda REGEX "^cuda.*'")
  string(REGEX REPLACE ".*'(.*)'.*" "\\1" ARMORM_WHEEL_CUDA "${_cuda}")
endif()

# Next to armorm once installed; NVIDIA's wheels are the dependencies of torch.
get_filename_component(_site ${LibTorch_PREFIX} DIRECTORY)
file(GLOB _nvidia RELATIVE ${_site} ${_site}/nvidia/*/lib)
set(_rpath $ORIGIN/../lib)
foreach(_folder torch/lib pyarrow ${_nvidia})
  list(APPEND _rpath $ORIGIN/../../${_folder})
endforeach()
# RPATH instead of RUNPATH: as in Install.cmake
target_link_options(armorm-programs PRIVATE LINKER:--disable-new-dtags)
set_target_properties(armorm-programs PROPERTIES INSTALL_RPATH "${_rpath}")
install(TARGETS armorm-programs DESTINATION armorm/bin COMPONENT wheel)

configure_file(apps/wheel/_build.py.in ${CMAKE_BINARY_DIR}/generated/_build.py @ONLY)
install(FILES apps/wheel/__init__.py apps/wheel/__main__.py apps/wheel/_launch.py ${CMAKE_BINARY_DIR}/generated/_build.py
        DESTINATION armorm COMPONENT wheel)
install(DIRECTORY configs DESTINATION ${SKBUILD_DATA_DIR}/share/armorm COMPONENT wheel)
install(DIRECTORY ${ARMORM_DOCS_DIR}/ DESTINATION ${SKBUILD_DATA_DIR}/share COMPONENT wheel)
include(Licenses)
armorm_install_header_licenses(armorm/licenses wheel)

install(
  CODE "set(ARMORM_BUNDLE_PROGRAMS \"$<TARGET_FILE:armorm-programs>\")
        set(ARMORM_BUNDLE_OPENED \"${ARMORM_OPENBLAS}\")
        set(ARMORM_BUNDLE_WHICH wheel)
        set(ARMORM_BUNDLE_TORCH \"${LibTorch_PREFIX}\")
        set(ARMORM_BUNDLE_ARROW \"${ArrowParquet_ORIGIN}\")
        set(ARMORM_BUNDLE_DESTINATION \"\${CMAKE_INSTALL_PREFIX}/armorm/lib\")
        set(ARMORM_BUNDLE_LICENSES \"\${CMAKE_INSTALL_PREFIX}/armorm/licenses\")
        include(\"${CMAKE_SOURCE_DIR}/cmake/BundleLibraries.cmake\")"
  COMPONENT wheel)
