; xmpp: links on Windows: Bothy is registered as one of the apps that can open them (Default Programs), beside others
; and in nobody's place. https://learn.microsoft.com/windows/win32/shell/default-programs
; SHELL_CONTEXT is the user's hive or the machine's, by where it is installed.

!macro customInstall
  WriteRegStr SHELL_CONTEXT "Software\Classes\Bothy.xmpp" "" "URL:XMPP"
  WriteRegStr SHELL_CONTEXT "Software\Classes\Bothy.xmpp" "URL Protocol" ""
  WriteRegStr SHELL_CONTEXT "Software\Classes\Bothy.xmpp\DefaultIcon" "" "$INSTDIR\${APP_EXECUTABLE_FILENAME},0"
  ; After "--" nothing is a switch, whatever the link holds.
  WriteRegStr SHELL_CONTEXT "Software\Classes\Bothy.xmpp\shell\open\command" "" '"$INSTDIR\${APP_EXECUTABLE_FILENAME}" "--" "%1"'
  WriteRegStr SHELL_CONTEXT "Software\Bothy\Capabilities" "ApplicationName" "Bothy"
  WriteRegStr SHELL_CONTEXT "Software\Bothy\Capabilities" "ApplicationDescription" "A private messenger over XMPP and directly between people nearby"
  WriteRegStr SHELL_CONTEXT "Software\Bothy\Capabilities\URLAssociations" "xmpp" "Bothy.xmpp"
  WriteRegStr SHELL_CONTEXT "Software\RegisteredApplications" "Bothy" "Software\Bothy\Capabilities"
!macroend

!macro customUnInstall
  DeleteRegValue SHELL_CONTEXT "Software\RegisteredApplications" "Bothy"
  DeleteRegKey SHELL_CONTEXT "Software\Bothy"
  DeleteRegKey SHELL_CONTEXT "Software\Classes\Bothy.xmpp"
  ; What the person asked for in the settings, unless another app has taken its place since.
  Push $0
  ReadRegStr $0 HKCU "Software\Classes\xmpp\shell\open\command" ""
  StrCmp $0 '"$INSTDIR\${APP_EXECUTABLE_FILENAME}" "--" "%1"' 0 +2
  DeleteRegKey HKCU "Software\Classes\xmpp"
  Pop $0
!macroend
