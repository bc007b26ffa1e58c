"""What Intune's lists consist of: derived types, believable titles, and the properties each type adds.

Promise: every type and property is of the v1.0 metadata (a test compares); a title fits its platform.
Must not know: tenants.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ALL = "all"
"""The platform of what is for any."""


@dataclass(frozen=True, slots=True)
class Form:
    """One derived type: its name without namespace, the platform it is for, its titles, and its own properties."""

    type: str
    platform: str
    titles: tuple[str, ...]
    extra: dict[str, Any] = field(default_factory=dict)


_SIX = {"passwordRequired": True, "passwordMinimumLength": 6}
_THREAT = {"deviceThreatProtectionEnabled": False, "deviceThreatProtectionRequiredSecurityLevel": "unavailable"}
COMPLIANCE = (
    Form("windows10CompliancePolicy", "Windows", ("Windows - Baseline compliance", "Windows - BitLocker and Secure Boot",
         "Windows - Minimum OS build", "Windows - Kiosks"), {**_SIX, "passwordRequiredType": "deviceDefault",
         "bitLockerEnabled": True, "secureBootEnabled": True, "codeIntegrityEnabled": True, "storageRequireEncryption": True,
         "osMinimumVersion": "10.0.22631"}),
    Form("iosCompliancePolicy", "iOS", ("iOS - Baseline compliance", "iOS - Minimum version", "iPadOS - Classroom"),
         {**_THREAT, "passcodeRequired": True, "passcodeMinimumLength": 6, "passcodeRequiredType": "numeric",
          "securityBlockJailbrokenDevices": True, "osMinimumVersion": "17.0"}),
    Form("macOSCompliancePolicy", "macOS", ("macOS - Baseline compliance", "macOS - FileVault and firewall"),
         {**_SIX, **_THREAT, "passwordRequiredType": "deviceDefault", "firewallEnabled": True, "storageRequireEncryption": True,
          "systemIntegrityProtectionEnabled": True}),
    Form("androidWorkProfileCompliancePolicy", "Android", ("Android - Work profile compliance", "Android - Frontline devices"),
         {**_SIX, **_THREAT, "passwordRequiredType": "numericComplex", "securityBlockJailbrokenDevices": True,
          "storageRequireEncryption": True}),
    Form("androidCompliancePolicy", "Android", ("Android - Device administrator (legacy)",),
         {**_SIX, **_THREAT, "passwordRequiredType": "deviceDefault", "securityBlockJailbrokenDevices": True}),
)  # fmt: skip
CONFIGURATIONS = (
    Form("windows10GeneralConfiguration", "Windows", ("Windows - Device restrictions", "Windows - Edge hardening",
         "Windows - Camera and Bluetooth"), {"cameraBlocked": False, "bluetoothBlocked": False, "cortanaBlocked": True}),
    Form("windowsUpdateForBusinessConfiguration", "Windows", ("Update ring - Broad", "Update ring - Pilot",
         "Update ring - First"), {"qualityUpdatesDeferralPeriodInDays": 7, "featureUpdatesDeferralPeriodInDays": 30,
         "automaticUpdateMode": "autoInstallAtMaintenanceTime", "microsoftUpdateServiceAllowed": True,
         "driversExcluded": False}),
    Form("windows10EndpointProtectionConfiguration", "Windows", ("Windows - BitLocker", "Windows - Defender firewall"),
         {"bitLockerEncryptDevice": True, "smartScreenEnableInShell": True}),
    Form("windows10CustomConfiguration", "Windows", ("Windows - OMA-URI: local administrators", "Windows - OMA-URI: time zone"),
         {"omaSettings": []}),
    Form("sharedPCConfiguration", "Windows", ("Windows - Shared PCs",), {"enabled": True, "allowLocalStorage": False}),
    Form("iosGeneralDeviceConfiguration", "iOS", ("iOS - Device restrictions", "iOS - Supervised restrictions"),
         {"cameraBlocked": False, "iCloudBlockBackup": True}),
    Form("iosCustomConfiguration", "iOS", ("iOS - VPN profile", "iOS - Single sign-on extension"),
         {"payloadName": "Profile", "payloadFileName": "profile.mobileconfig", "payload": "PHBsaXN0Lz4="}),
    Form("macOSGeneralDeviceConfiguration", "macOS", ("macOS - Device restrictions",), {"passwordRequired": True}),
    Form("macOSCustomConfiguration", "macOS", ("macOS - Privacy preferences", "macOS - System extensions"),
         {"payloadName": "Profile", "payloadFileName": "profile.mobileconfig", "payload": "PHBsaXN0Lz4="}),
    Form("androidWorkProfileGeneralDeviceConfiguration", "Android", ("Android - Work profile restrictions",),
         {"workProfileBlockCamera": False, "workProfileBlockScreenCapture": True}),
    Form("androidGeneralDeviceConfiguration", "Android", ("Android - Device restrictions (legacy)",), {"cameraBlocked": False}),
)  # fmt: skip
_PACKAGE = {"fileName": "package.intunewin", "size": 73_400_320, "committedContentVersion": "1"}
APPS = (
    Form("win32LobApp", "Windows", ("7-Zip", "Adobe Acrobat Reader DC", "Cisco Secure Client", "Greenshot", "KeePassXC",
         "Mozilla Firefox ESR", "Notepad++", "PuTTY", "SAP GUI", "Sophos Endpoint", "VLC media player", "Zoom Workplace"),
         {**_PACKAGE, "applicableArchitectures": "x64", "setupFilePath": "setup.exe", "installCommandLine": "setup.exe /S",
          "uninstallCommandLine": "setup.exe /uninstall /S", "minimumSupportedWindowsRelease": "22H2"}),
    Form("windowsMobileMSI", "Windows", ("Datto agent", "Remote support client"), {**_PACKAGE, "fileName": "agent.msi",
         "productVersion": "4.2.1", "ignoreVersionDetection": True}),
    Form("windowsMicrosoftEdgeApp", "Windows", ("Microsoft Edge for Windows",), {"channel": "stable"}),
    Form("iosStoreApp", "iOS", ("Microsoft Outlook", "Microsoft Teams", "Microsoft Authenticator", "DATEV Upload mobil"),
         {"bundleId": "com.microsoft.office", "appStoreUrl": "https://apps.apple.com/app/id951937596",
          "applicableDeviceType": {"iPad": True, "iPhoneAndIPod": True}}),
    Form("iosVppApp", "iOS", ("Company Portal", "Microsoft Word", "Scandit"), {"bundleId": "com.microsoft.CompanyPortal",
         "totalLicenseCount": 200, "usedLicenseCount": 117}),
    Form("androidStoreApp", "Android", ("Microsoft Defender", "Managed Home Screen", "Chrome"),
         {"packageId": "com.microsoft.scmx", "appStoreUrl": "https://play.google.com/store/apps/details?id=com.microsoft.scmx"}),
    Form("macOSMicrosoftEdgeApp", "macOS", ("Microsoft Edge for macOS",), {"channel": "stable"}),
    Form("macOSOfficeSuiteApp", "macOS", ("Microsoft 365 Apps for macOS",)),
    Form("webApp", ALL, ("HR portal", "Time sheet", "Service desk"), {"appUrl": "https://intranet.example/", "useManagedBrowser":
         False}),
    Form("managedIOSStoreApp", "iOS", ("OneDrive", "SharePoint"), {"appAvailability": "global", "version": "15.2",
         "bundleId": "com.microsoft.skydrive", "appStoreUrl": "https://apps.apple.com/app/id477537958"}),
)  # fmt: skip
_OPEN = {
    "platformBlocked": False,
    "personalDeviceEnrollmentBlocked": False,
    "osMinimumVersion": "",
    "osMaximumVersion": "",
}
_PERSONAL = {**_OPEN, "personalDeviceEnrollmentBlocked": True}
ENROLMENT = (
    Form("deviceEnrollmentLimitConfiguration", ALL, ("All users and all devices", "Device limit - Shared accounts"), {"limit": 15}),
    Form("deviceEnrollmentPlatformRestrictionsConfiguration", ALL, ("All users and all devices", "Block personal devices"),
         {"windowsRestriction": _PERSONAL, "iosRestriction": _OPEN, "macOSRestriction": _PERSONAL, "androidRestriction": _OPEN,
          "windowsMobileRestriction": {**_OPEN, "platformBlocked": True}}),
    Form("deviceEnrollmentWindowsHelloForBusinessConfiguration", "Windows", ("All users and all devices",),
         {"state": "enabled", "pinMinimumLength": 6, "pinMaximumLength": 127, "securityDeviceRequired": True,
          "unlockWithBiometricsEnabled": True, "pinUppercaseCharactersUsage": "allowed", "remotePassportEnabled": True}),
    Form("windows10EnrollmentCompletionPageConfiguration", "Windows", ("All users and all devices", "Autopilot - Offices"),
         {"allowNonBlockingAppInstallation": False}),
)  # fmt: skip
