# armorm_install_header_licenses(FOLDER COMPONENT): the licences of the libraries that are compiled in and of which no
# library file is left, each in a folder of its name.
function(armorm_install_header_licenses folder component)
  foreach(package libboost1.81-dev libeigen3-dev nlohmann-json3-dev libcli11-dev libfmt-dev)
    install(FILES /usr/share/doc/${package}/copyright DESTINATION ${folder}/${package} COMPONENT ${component} OPTIONAL)
  endforeach()
  if(CudnnFrontend_LICENSE)
    install(FILES ${CudnnFrontend_LICENSE} DESTINATION ${folder}/cudnn-frontend COMPONENT ${component})
  endif()
endfunction()
