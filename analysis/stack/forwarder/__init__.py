"""The forwarder: Alertmanager's notifications to where Alertmanager 0.25 has no receiver for.

The SIEM in the body that it expects, tickets with updates, Microsoft Teams and custom chat webhooks.
"""

from analysis.stack.forwarder.notification import Alert, Notification
from analysis.stack.forwarder.server import Forwarder
from analysis.stack.forwarder.settings import ForwarderSettings

__all__ = ["Alert", "Forwarder", "ForwarderSettings", "Notification"]
