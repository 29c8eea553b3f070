//! Every label's name and meaning.

use crate::metric::Label;

/// Declares labels.
macro_rules! labels {
    ($($constant:ident = $name:literal, $help:literal;)*) => {
        $(pub(super) static $constant: Label = Label { name: $name, help: $help };)*
    };
}

labels! {
    SOURCE = "source", "name of the vendor account in the configuration";
    STATE = "state", "the container's life-cycle state";
    SEVERITY = "severity", "severity on the scale that serves every vendor";
    VENDOR_SEVERITY = "vendor_severity", "what the vendor calls it";

    K8S_CLUSTER_NAME = "k8s_cluster_name", "Kubernetes cluster";
    K8S_NAMESPACE_NAME = "k8s_namespace_name", "Kubernetes namespace";
    K8S_NODE_NAME = "k8s_node_name", "Kubernetes node";
    K8S_WORKLOAD_KIND = "k8s_workload_kind", "kind of the pod's controller";
    K8S_WORKLOAD_NAME = "k8s_workload_name", "name of the pod's controller";
    HOST_NAME = "host_name", "host";
    HOST_ARCH = "host_arch", "CPU architecture of the host";
    CONTAINER_ID = "container_id", "the vendor's short id of the container";
    CONTAINER_NAME = "container_name", "the container's name";
    CONTAINER_IMAGE_NAME = "container_image_name", "the image's first repository, with its registry";
    CLOUD_PROVIDER = "cloud_provider", "cloud provider";
    CLOUD_ACCOUNT_ID = "cloud_account_id", "cloud account";
    CLOUD_REGION = "cloud_region", "cloud region";
    ORIGIN = "origin", "where the vendor knows the container from";

    RISK_LEVEL = "risk_level", "risk score: severe from 850, high from 700, medium from 500, low from 0";
    QDS_SEVERITY = "qds_severity", "severity of the highest Qualys detection score";
    CRITICALITY = "criticality", "criticality of the asset, in the vendor's numbers";
    CONDITION = "condition", "something that holds for a container; conditions overlap";
    STATUS = "status", "outcome of a check";
    SENSOR_STATE = "sensor_state", "whether the sensor of the container's host is heard of";

    REGISTRY = "registry", "registry of the image's first repository";
    IN_USE = "in_use", "whether any container was made of the image";
    SCAN_STATUS = "scan_status", "how the image's scan went, as the vendor tells it";
    FINDING_TYPE = "finding_type", "how sure the vendor is of the finding";
    FIXABLE = "fixable", "whether there is a fix";
    VULNERABILITY_ID = "vulnerability_id", "the vendor's id of the vulnerability: a QID or a CVE";

    CONTAINER_RUNTIME_NAME = "container_runtime_name", "container runtime";
    CONTAINER_RUNTIME_VERSION = "container_runtime_version", "version of the container runtime";
    SENSOR_UUID = "sensor_uuid", "the vendor's key of the sensor";
    SENSOR_TYPE = "sensor_type", "type of the sensor";
    SENSOR_STATUS = "sensor_status", "status of the sensor, as the vendor tells it";
    SENSOR_VERSION = "sensor_version", "version of the sensor";

    CONTROL_ID = "control_id", "the vendor's id of the control";
    CONTROL_NAME = "control_name", "name of the control";
    CATEGORY = "category", "category of the control";
    POLICY = "policy", "policy that the control is part of";

    K8S_RESOURCE_KIND = "k8s_resource_kind", "kind of the Kubernetes resource";

    IMAGE_STATE = "image_state", "all images of a registry, those scanned and those vulnerable; the states overlap";
    REPORT_TEMPLATE = "report_template", "what the report is made from";
    REPORT_STATUS = "report_status", "how far the report is, as the vendor tells it";
    SCHEDULED = "scheduled", "whether the report is made by a schedule";
    POLICY_NAME = "policy_name", "name of the centralized policy";
    POLICY_TYPE = "policy_type", "type of the centralized policy";
    POLICY_MODE = "policy_mode", "mode of the centralized policy";
    RULE_TYPE = "rule_type", "type of the rule";
    ACTION = "action", "what the rule does";
    ENABLED = "enabled", "whether the rule is in force";

    CONSOLE_VERSION = "console_version", "version of the vendor's console";

    COLLECTOR = "collector", "kind of listing";
    OUTCOME = "outcome", "how a run ended";
    REASON = "reason", "why";
    API_ENDPOINT = "api_endpoint", "fixed name of the vendor's endpoint";
    CODE = "code", "HTTP status, or error where no answer came";
    VENDOR = "vendor", "vendor of the source";
    FAMILY = "family", "name of a metric family";
    VERSION = "version", "version of the exporter";
    REVISION = "revision", "commit it was built from";
    RUSTC = "rustc", "compiler it was built with";
}
