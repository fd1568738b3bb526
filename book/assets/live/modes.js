(globalThis.aebookData ??= {})["modes"] = {"arrays": {}, "settings": {}, "sha256": "4a75e5a62525489d0087b9e0963a506c5cc3c5b8612a65ab87be8b32a8b8e395", "payload": ""};
