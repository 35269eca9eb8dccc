provider "aws" {
  region = var.region
}

module "thumbnails" {
  source = "../.."

  name     = "thumbs-cameras"
  archives = { folder = var.archives }

  events = {}
  devices = {
    topic_prefix = "thumbs-cameras"
    limits       = { bytes = 8388608, types = ["image/jpeg"], asks_a_minute = 10, bytes_a_day = 536870912 } # 8 MiB, 512 MiB
    provisioning = {}
  }
}

output "devices" {
  description = "What cameras have to know: none of it is secret."
  value = {
    endpoint              = module.thumbnails.devices.endpoint
    topic_prefix          = module.thumbnails.devices.topic_prefix
    provisioning_template = module.thumbnails.devices.provisioning_template
  }
}
