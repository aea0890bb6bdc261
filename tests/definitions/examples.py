"""Definitions that differ in every way that is found in use; made here, with the shapes of real ones."""

from __future__ import annotations

from typing import Any

RELEASE: dict[str, Any] = {
    "version": "1.4.0",
    "name": "/release",
    "description": "Cut a release",
    "metadata": {"team": "core"},
    "saga": {"enabled": True, "strategy": "backward"},
    "resourceLocking": {
        "resources": [
            {"resourceId": "registry", "type": "api", "maxConcurrent": 2},
            {"id": "database", "type": "database"},
        ]
    },
    "context": {"shared": ["settings", {"key": "secrets", "ttl": 60}]},
    "inputs": {
        "required": ["version"],
        "optional": [{"name": "channel", "default": "stable"}, {"name": "frameworks", "default": []}],
    },
    "phases": [
        {
            "id": "prepare",
            "name": "Prepare",
            "sequential": True,
            "agents": [
                {
                    "id": "freeze-branch",
                    "type": "git-expert",
                    "task": "Freeze the branch",
                    "estimatedDuration": 2,
                    "priority": 5,
                    "outputs": {"branch": "the frozen branch"},
                    "compensation": {"agent": "thaw-branch", "action": "delete the tag"},
                },
                {
                    "id": "bump-version",
                    "name": "release-bot",
                    "description": "Write the new version",
                    "context": {"inputs": ["branch", {"key": "version", "required": True}], "outputs": ["tag"]},
                    "estimatedTime": 90000,
                    "timeout": 120000,
                    "resources": ["database"],
                },
            ],
        },
        {
            "name": "Checks",
            "parallel": True,
            "parallelism": {"maxConcurrent": 2},
            "agents": [
                {
                    "id": "unit-tests",
                    "type": "tester",
                    "dependencies": ["bump-version"],
                    "estimatedTime": 300000,
                    "context": {"outputs": [{"key": "risk", "ttl": 1800}]},
                    "retry": {
                        "maxAttempts": 3,
                        "initialDelay": 500,
                        "maxDelay": 4000,
                        "backoffMultiplier": 2,
                        "retryableErrors": ["timeout", "rate_limit"],
                    },
                },
                {
                    "id": "fuzz",
                    "type": "tester",
                    "dependencies": ["Prepare"],
                    "conditional": {"condition": "inputs.frameworks.length > 0 || settings.deep === true"},
                    "resources": {"locks": [{"resourceId": "registry", "priority": 3, "timeout": 30}]},
                },
            ],
        },
        {
            "name": "Publish",
            "conditional": {"condition": "context.risk.score <= 7 && !unitTests.failed"},
            "agents": [
                {"id": "publish", "type": "publisher", "task": "Publish", "dependencies": ["Checks"]},
                {"id": "thaw-branch", "type": "git-expert", "task": "Undo", "dependencies": ["publish"]},
            ],
        },
        {
            "name": "Per package",
            "dynamic": True,
            "dynamicAgents": {"source": "context.packages", "mapping": {"id": "pack-${item.name}", "type": "packer"}},
        },
    ],
}

FAN_OUT: dict[str, Any] = {
    "name": "/survey",
    "phases": [
        {"name": "Map", "agents": [{"id": "map", "estimatedTime": 300000, "context": {"outputs": ["files"]}}]},
        {
            "name": "Read",
            "parallel": True,
            "agents": [
                {
                    "id": f"read-{topic}",
                    "estimatedTime": 360000,
                    "dependencies": ["map"],
                    "context": {"inputs": [{"key": "files", "required": True}], "outputs": [f"{topic}_notes"]},
                }
                for topic in ("style", "safety", "speed", "access", "docs")
            ],
        },
        {
            "name": "Join",
            "agents": [
                {
                    "id": "join",
                    "estimatedDuration": 6,
                    "dependencies": ["Read"],
                    "context": {"inputs": ["style_notes", "docs_notes"]},
                }
            ],
        },
    ],
}

YAML = """\
name: /tidy
version: 2
phases:
  - name: Look
    agents:
      - id: scan
        type: reader
        context:
          outputs: [files]
  - name: Tidy
    parallel: true
    agents:
      - id: format
        type: writer
        context: {inputs: [{key: files, required: true}]}
      - id: sort-imports
        type: writer
        dependencies: [scan]
        conditional: {condition: "files.some(f => f.kind === 'python')"}
"""

MARKDOWN = """\
---
name: /docs
version: "3"
---
# Documentation

Write what is missing.

## Phase 1: Find gaps

- **gap-finder** (analyst): list what has no docs
- links: check every link

## Phase 2: Write

Write the missing pages,
shortest first.

## Phase 3: Review

```yaml
parallel: true
agents:
  - id: style
    type: editor
    dependencies: [write]
  - id: facts
    type: editor
    dependencies: [write]
```

## Notes

Not a phase.
"""
