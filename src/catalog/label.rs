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
    VENDOR_SEVERITY = "vendor_severity", "severity in the vendor's own words";

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
    ORIGIN = "origin", "the vendor's origin of the container";

    RISK_LEVEL = "risk_level", "risk score: severe from 850, high from 700, medium from 500, low from 0";
    QDS_SEVERITY = "qds_severity", "severity of the highest Qualys detection score";
    CRITICALITY = "criticality", "criticality of the asset, in the vendor's numbers";
    CONDITION = "condition", "condition that applies; conditions overlap";
    STATUS = "status", "result of a check";
    SENSOR_STATE = "sensor_state", "state of the sensor on the container's host";

    IMAGE_REPOSITORY = "image_repository", "the image's first repository, with its registry";
    REGISTRY = "registry", "registry of the image's first repository";
    IN_USE = "in_use", "whether any container uses the image";
    SCAN_STATUS = "scan_status", "the vendor's scan status of the image";
    FINDING_TYPE = "finding_type", "the vendor's confidence in the finding";
    FIXABLE = "fixable", "whether a fix is available";
    VULNERABILITY_ID = "vulnerability_id", "the vendor's id of the vulnerability: a QID or a CVE";

    CONTAINER_RUNTIME_NAME = "container_runtime_name", "container runtime";
    CONTAINER_RUNTIME_VERSION = "container_runtime_version", "version of the container runtime";
    SENSOR_UUID = "sensor_uuid", "the vendor's key of the sensor";
    SENSOR_TYPE = "sensor_type", "type of the sensor";
    SENSOR_STATUS = "sensor_status", "the vendor's status of the sensor";
    SENSOR_VERSION = "sensor_version", "version of the sensor";

    CONTROL_ID = "control_id", "the vendor's id of the control";
    CONTROL_NAME = "control_name", "name of the control";
    CATEGORY = "category", "category of the control";
    POLICY = "policy", "policy that contains the control";

    K8S_RESOURCE_KIND = "k8s_resource_kind", "kind of the Kubernetes resource";

    IMAGE_STATE = "image_state", "all images of a registry, the scanned and the vulnerable ones; the states overlap";
    REPORT_TEMPLATE = "report_template", "template of the report";
    REPORT_STATUS = "report_status", "the vendor's status of the report";
    SCHEDULED = "scheduled", "whether the report is scheduled";
    POLICY_NAME = "policy_name", "name of the centralized policy";
    POLICY_TYPE = "policy_type", "type of the centralized policy";
    POLICY_MODE = "policy_mode", "mode of the centralized policy";
    RULE_TYPE = "rule_type", "type of the rule";
    ACTION = "action", "what the rule does";
    ENABLED = "enabled", "whether the rule is enabled";

    CONSOLE_VERSION = "console_version", "version of the vendor's console";

    COLLECTOR = "collector", "collector of the source";
    FIELD = "field", "path of a field in the vendor's rows";
    FIELD_STATE = "field_state", "whether a row has the field, and whether that can be read";
    OUTCOME = "outcome", "how a run, write or push ended";
    REASON = "reason", "reason";
    API_ENDPOINT = "api_endpoint", "fixed name of the vendor's endpoint";
    CODE = "code", "HTTP status, or error if no response arrived";
    VENDOR = "vendor", "vendor of the source";
    FAMILY = "family", "name of a metric family";
    VERSION = "version", "version of the exporter";
    REVISION = "revision", "commit it was built from";
    RUSTC = "rustc", "compiler version";
}
