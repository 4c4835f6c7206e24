# Rules of `cmake --install` for ARMORM_PROGRAMS. CPack chooses among the components (Package.cmake):
#   programs                bin, and the demo's generator in libexec/armorm
#   data                    share/armorm: configs and scripts
#   documentation           man pages, completions, share/doc/armorm
#   development             include/armorm, lib/libarmorm.so, its CMake package and the example that uses them
#   libraries               lib/armorm: LibTorch, Arrow and other libraries that are not of the distribution
#   distribution_libraries  lib/armorm: also the distribution's libraries; only if requested by name
# Nothing in an installation contains the path of the source or build folder; the complete prefix may be moved.
include(GNUInstallDirs)

option(ARMORM_BUNDLE_LIBRARIES
       "Install the libraries that are not of the distribution; off: use them where they are, by absolute paths" ON)
set(ARMORM_LIBRARY_DIR lib/armorm)

# RPATH instead of RUNPATH: it also applies to the dependencies of libraries, and it takes precedence over an
# LD_LIBRARY_PATH of another LibTorch.
foreach(program ${ARMORM_PROGRAMS} armorm-make-demo armorm)
  if(ARMORM_BUNDLE_LIBRARIES)
    target_link_options(${program} PRIVATE LINKER:--disable-new-dtags)
    set_target_properties(${program} PROPERTIES INSTALL_RPATH $ORIGIN/../${ARMORM_LIBRARY_DIR})
  else()
    set_target_properties(${program} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  endif()
endforeach()
if(ARMORM_BUNDLE_LIBRARIES)
  set_target_properties(armorm-make-demo PROPERTIES INSTALL_RPATH $ORIGIN/../../${ARMORM_LIBRARY_DIR})
  set_target_properties(armorm PROPERTIES INSTALL_RPATH $ORIGIN/../${ARMORM_LIBRARY_DIR})
endif()
install(TARGETS ${ARMORM_PROGRAMS} DESTINATION bin COMPONENT programs)
install(TARGETS armorm-make-demo DESTINATION libexec/armorm COMPONENT programs)

# find_package(armorm): the target armorm::armorm, which depends on no other package.
include(CMakePackageConfigHelpers)
set(_package_dir lib/cmake/armorm)
set(_version_file ${CMAKE_CURRENT_BINARY_DIR}/armormConfigVersion.cmake)
write_basic_package_version_file(${_version_file} COMPATIBILITY SameMinorVersion)
install(TARGETS armorm EXPORT armorm LIBRARY DESTINATION lib COMPONENT development)
install(EXPORT armorm NAMESPACE armorm:: FILE armormConfig.cmake DESTINATION ${_package_dir} COMPONENT development)
install(FILES ${_version_file} DESTINATION ${_package_dir} COMPONENT development)
install(DIRECTORY include/armorm DESTINATION include COMPONENT development)
install(DIRECTORY examples/embed DESTINATION share/armorm/examples COMPONENT development)

install(DIRECTORY configs DESTINATION share/armorm COMPONENT data)
install(DIRECTORY scripts/slurm scripts/kubernetes scripts/parallel DESTINATION share/armorm/scripts COMPONENT data USE_SOURCE_PERMISSIONS)
install(PROGRAMS scripts/prepare_embeddings.sh scripts/train.sh DESTINATION share/armorm/scripts COMPONENT data)
install(PROGRAMS scripts/status.sh DESTINATION share/armorm/scripts COMPONENT data)
install(FILES scripts/lib/config.sh scripts/lib/pipeline.sh scripts/lib/settings.sh scripts/lib/signals.sh scripts/lib/work_queue.sh
        DESTINATION share/armorm/scripts/lib COMPONENT data)

install(DIRECTORY ${ARMORM_DOCS_DIR}/ DESTINATION share COMPONENT documentation)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION share/doc/armorm COMPONENT documentation)
install(DIRECTORY docs/ DESTINATION share/doc/armorm/docs COMPONENT documentation FILES_MATCHING PATTERN *.md PATTERN *.png)

include(Licenses)
armorm_install_header_licenses(share/doc/armorm/licenses documentation)

# Opened by name while a program runs, so no program's list of needed libraries contains them. In a CUDA LibTorch these
# are cuDNN's sub-libraries, the run-time compiler and the decompositions.
set(_opened ${ARMORM_OPENBLAS})
if(LibTorch_HAS_CUDA)
  file(GLOB _gpu_opened ${LibTorch_PREFIX}/lib/libtorch_cuda_linalg.so ${LibTorch_PREFIX}/lib/libcaffe2_nvrtc.so)
  get_filename_component(_around ${LibTorch_PREFIX} DIRECTORY)
  foreach(_folder ${LibTorch_PREFIX}/lib ${_around}/nvidia/*/lib)
    file(GLOB _found ${_folder}/libcudnn_*.so* ${_folder}/libnvrtc.so* ${_folder}/libnvrtc-builtins.so*)
    list(APPEND _gpu_opened ${_found})
  endforeach()
endif()
foreach(program ${ARMORM_PROGRAMS})
  list(APPEND _program_files $<TARGET_FILE:${program}>)
endforeach()

# bundle(COMPONENT WHICH): runs at installation time, because the programs must exist to be inspected.
function(bundle component which)
  install(
    CODE "set(ARMORM_BUNDLE_PROGRAMS \"${_program_files}\")
          set(ARMORM_BUNDLE_OPENED \"${_opened};${_gpu_opened}\")
          set(ARMORM_BUNDLE_WHICH ${which})
          set(ARMORM_BUNDLE_TORCH \"${LibTorch_PREFIX}\")
          set(ARMORM_BUNDLE_DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${ARMORM_LIBRARY_DIR}\")
          set(ARMORM_BUNDLE_LICENSES \"\${CMAKE_INSTALL_PREFIX}/share/doc/armorm/licenses\")
          include(\"${CMAKE_SOURCE_DIR}/cmake/BundleLibraries.cmake\")"
    COMPONENT ${component} ${ARGN})
endfunction()
if(ARMORM_BUNDLE_LIBRARIES)
  bundle(libraries own)
  bundle(distribution_libraries distribution EXCLUDE_FROM_ALL)
endif()
