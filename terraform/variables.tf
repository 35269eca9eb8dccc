# Required

variable "name" {
  description = "Name of the deployment: everything is named after it, so it has to be unique in the account, or with regional_roles in the region."
  type        = string

  validation {
    # Longer ones would leave no room in the parameter that tools read; see tools.tf. names.tf shortens what has to be.
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen: buckets are named after it."
  }
}

variable "archives" {
  description = "The zip files that `make package` builds for runtime and architecture. With mode folder, folder holds thumbnailer.zip, reconciler.zip, publisher.zip, api.zip, device_asks.zip, device_status.zip, device_admission.zip, range_worker.zip and layer.zip. With mode s3, they are objects of a bucket in the deployment's region: the key of each, its version, and its SHA-256 in base64, by either of which a plan sees that it is another. With layer existing, layer_arn is a version of a layer that is there already, and none is made."
  type = object({
    mode   = optional(string, "folder")
    folder = optional(string)
    s3 = optional(object({
      bucket      = string
      thumbnailer = object({ key = string, version = optional(string), sha256 = optional(string) })
      reconciler  = optional(object({ key = string, version = optional(string), sha256 = optional(string) }))
      publisher   = optional(object({ key = string, version = optional(string), sha256 = optional(string) }))
      api         = optional(object({ key = string, version = optional(string), sha256 = optional(string) }))
      device_asks = optional(object({ key = string, version = optional(string), sha256 = optional(string) }))

      device_status    = optional(object({ key = string, version = optional(string), sha256 = optional(string) }))
      range_worker     = optional(object({ key = string, version = optional(string), sha256 = optional(string) }))
      device_admission = optional(object({ key = string, version = optional(string), sha256 = optional(string) }))

      layer = optional(object({ key = string, version = optional(string), sha256 = optional(string) }))
    }))
    layer     = optional(string, "create")
    layer_arn = optional(string)
  })
  nullable = false

  validation {
    condition     = contains(["folder", "s3"], var.archives.mode) && contains(["create", "existing"], var.archives.layer)
    error_message = "archives.mode must be folder or s3, and archives.layer must be create or existing."
  }

  validation {
    condition     = (var.archives.mode == "folder") == (var.archives.folder != null) && (var.archives.mode == "s3") == (var.archives.s3 != null)
    error_message = "archives.folder must be given with the mode folder, and archives.s3 with the mode s3: they say where the archives are."
  }

  validation {
    condition     = (var.archives.layer == "existing") == (var.archives.layer_arn != null)
    error_message = "archives.layer_arn must be given with the layer existing, and with no other: it says which version is meant."
  }

  validation {
    condition     = var.archives.layer_arn == null ? true : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", var.archives.layer_arn))
    error_message = "archives.layer_arn must be the ARN of a version of a layer, such as arn:aws:lambda:eu-central-1:123456789012:layer:imaging:7."
  }

  validation {
    condition = var.archives.s3 == null ? true : (
      (var.archives.layer == "existing" || var.archives.s3.layer != null) && (var.reconcile == null || var.archives.s3.reconciler != null) &&
      ((var.events == null && var.changes == null) || var.archives.s3.publisher != null) && (var.api == null || var.archives.s3.api != null) &&
      (var.jobs == null || var.archives.s3.range_worker != null) && alltrue([for function in local.device_functions : var.archives.s3[function] != null])
    )
    error_message = "archives.s3 must name the layer's object, unless the layer is there already, with reconcile the reconciler's, with events or changes the publisher's, with api the API's, with jobs the range worker's, and with devices those of device_asks and device_status, and of device_admission with provisioning."
  }
}

# What is rendered

variable "renditions" {
  description = "The thumbnails to make of every source: a box in pixels each, how to fill it, and how to encode the result."
  nullable    = false
  type = list(object({
    name       = string
    width      = number
    height     = number
    fit        = optional(string, "contain")
    format     = optional(string, "webp")
    quality    = optional(number, 80)
    crop       = optional(string, "centre")
    background = optional(string, "#ffffff")
    enlarge    = optional(bool, false)
    effort     = optional(number)
  }))
  default = [
    { name = "large", width = 1280, height = 1280 },
    { name = "medium", width = 512, height = 512 },
    { name = "small", width = 128, height = 128, fit = "cover" },
  ]

  validation {
    condition     = length(var.renditions) >= 1 && length(var.renditions) <= local.bounds.renditions
    error_message = "renditions must list 1 to ${local.bounds.renditions} thumbnails."
  }

  validation {
    condition     = length(distinct(var.renditions[*].name)) == length(var.renditions)
    error_message = "renditions must have different names: a thumbnail's key begins with the name, and two of a name would overwrite each other."
  }

  validation {
    condition     = alltrue([for rendition in var.renditions : can(regex("^${local.bounds.name}$", rendition.name))])
    error_message = "A rendition's name must be 1 to 32 lower-case letters, digits and hyphens, and not begin with a hyphen."
  }

  validation {
    condition = alltrue(flatten([
      for rendition in var.renditions : [
        for side in [rendition.width, rendition.height] : side >= 1 && side <= local.bounds.side && floor(side) == side
      ]
    ]))
    error_message = "A rendition's width and height must be whole numbers from 1 to ${local.bounds.side}."
  }

  validation {
    condition     = alltrue([for rendition in var.renditions : contains(local.bounds.fits, rendition.fit)])
    error_message = "A rendition's fit must be one of ${join(", ", local.bounds.fits)}."
  }

  validation {
    condition     = alltrue([for rendition in var.renditions : contains(keys(local.bounds.efforts), rendition.format)])
    error_message = "A rendition's format must be one of ${join(", ", keys(local.bounds.efforts))}."
  }

  validation {
    condition     = alltrue([for rendition in var.renditions : rendition.quality >= 1 && rendition.quality <= 100 && floor(rendition.quality) == rendition.quality])
    error_message = "A rendition's quality must be a whole number from 1 to 100."
  }

  validation {
    condition     = alltrue([for rendition in var.renditions : contains(local.bounds.crops, rendition.crop)])
    error_message = "A rendition's crop must be one of ${join(", ", local.bounds.crops)}."
  }

  validation {
    condition     = alltrue([for rendition in var.renditions : can(regex("^#[0-9a-fA-F]{6}$", rendition.background))])
    error_message = "A rendition's background must be a colour like #ffffff."
  }

  validation {
    # Where effort is not set, lookup() never runs.
    condition = alltrue([
      for rendition in var.renditions : rendition.effort == null ? true : (
        rendition.effort >= 0 && floor(rendition.effort) == rendition.effort &&
        rendition.effort <= lookup(local.bounds.efforts, rendition.format, 0)
      )
    ])
    error_message = "A rendition's effort must be a whole number from 0 to ${join(", ", [for format, effort in local.bounds.efforts : "${effort} for ${format}"])}."
  }
}

variable "limits" {
  description = "What a source may cost at most: bytes of the file, pixels and longer side of a picture, and frames and pixels of an animation that is rendered as one. What exceeds a limit is recorded as failed, and never decoded."
  type = object({
    bytes           = optional(number, 67108864) # 64 MiB
    pixels          = optional(number, 100000000)
    side            = optional(number, 30000)
    frames          = optional(number, 500)
    animated_pixels = optional(number, 100000000)
  })
  default = {}

  validation {
    condition     = alltrue([for limit in values(var.limits) : limit >= 1 && floor(limit) == limit])
    error_message = "limits must be whole numbers from 1."
  }

  validation {
    condition     = var.limits.pixels <= local.bounds.pixels
    error_message = "limits.pixels must be ${local.bounds.pixels} or less: the function refuses to start with more."
  }
}

variable "animation" {
  description = "What becomes of an animation: an animated thumbnail (animate), or one of its first frame (first-frame)."
  type        = string
  default     = "first-frame"

  validation {
    condition     = contains(["animate", "first-frame"], var.animation)
    error_message = "animation must be animate or first-frame."
  }
}

variable "truncated" {
  description = "What becomes of a file that ends too early: it fails (fail), or what there is of it is rendered (render)."
  type        = string
  default     = "fail"

  validation {
    condition     = contains(["fail", "render"], var.truncated)
    error_message = "truncated must be fail or render."
  }
}

# Where from, where to

variable "source_prefix" {
  description = "Start of the keys in the uploads bucket that are watched. With an empty one, the whole bucket is."
  type        = string
  default     = ""

  validation {
    condition     = !startswith(var.source_prefix, "/")
    error_message = "source_prefix must not begin with a slash: keys in S3 do not."
  }

  validation {
    # IAM would take them for wildcards, and let the function read more than is watched.
    condition     = can(regex("^[^*?$]{0,512}$", var.source_prefix))
    error_message = "source_prefix must be at most 512 characters, none of them *, ? or $: in a policy they would stand for other characters."
  }

  validation {
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
    condition     = can(regex("^[ -ÿ]*$", var.source_prefix))
    error_message = "source_prefix must be of letters of Latin-1, up to ÿ: a policy takes no others, and one says what the function may read."
  }

  validation {
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_FilterRule.html
    condition     = length(urlencode(var.source_prefix)) <= 1024
    error_message = "source_prefix must be at most 1024 characters as it is written in a URL, where a letter of most scripts takes six or more: S3 takes no longer filter."
  }
}

variable "source_keys" {
  description = "Which keys are images' at all, by globs in which * matches slashes too, whatever their case; one without a slash is about what comes after the last slash of a key. With include, a key must match one of it; what matches exclude is passed over, unread, and so is a folder as consoles make them: a key that ends in a slash and has no bytes. The default of exclude is what programs leave behind in folders."
  type = object({
    include = optional(list(string), [])
    exclude = optional(list(string), [".DS_Store", "._*", "Thumbs.db", "ehthumbs.db", "desktop.ini", "*.xmp", "*.aae"])
  })
  default  = {}
  nullable = false

  validation {
    # Part of the function's environment, which has little room.
    condition     = alltrue([for glob in concat(var.source_keys.include, var.source_keys.exclude) : length(glob) >= 1 && length(glob) <= 100])
    error_message = "The globs of source_keys must have 1 to 100 characters each."
  }
}

variable "uploads_bucket" {
  description = "The bucket that images are uploaded to. With mode create, it is made, called name or after the deployment. With existing, it was there before, and everything that it notifies is replaced by this module's notification. With eventbridge, it was there before and is not touched: its owner has S3 send its events to EventBridge, and a rule picks them out. With owner other, it is of another account, account_id. kms_key_arn is the key that its objects are encrypted with, if that is not the deployment's."
  type = object({
    mode        = optional(string, "create")
    name        = optional(string)
    owner       = optional(string, "self")
    account_id  = optional(string)
    kms_key_arn = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["self", "other"], var.uploads_bucket.owner) && (var.uploads_bucket.owner == "other") == (var.uploads_bucket.account_id != null)
    error_message = "uploads_bucket.owner must be self, or other with the account_id of whose bucket it is."
  }

  validation {
    condition     = contains(["create", "existing", "eventbridge"], var.uploads_bucket.mode)
    error_message = "uploads_bucket.mode must be create, existing or eventbridge."
  }

  validation {
    condition     = var.uploads_bucket.mode == "create" || var.uploads_bucket.name != null
    error_message = "uploads_bucket.name must be given with the modes existing and eventbridge: it says which bucket is meant."
  }

  validation {
    # A dot would break TLS to the bucket's own host name, but who has such a bucket has it.
    condition     = var.uploads_bucket.name == null ? true : can(regex(var.uploads_bucket.mode == "create" ? "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$" : "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.uploads_bucket.name))
    error_message = "uploads_bucket.name must be 3 to 63 lower-case letters, digits and hyphens, and neither begin nor end with a hyphen. A bucket that was there before may have dots in its name."
  }

  validation {
    condition     = var.uploads_bucket.mode != "create" || (var.uploads_bucket.account_id == null && var.uploads_bucket.kms_key_arn == null)
    error_message = "uploads_bucket.account_id and uploads_bucket.kms_key_arn are those of a bucket that was there before: with mode create, it is the deployment's own."
  }

  validation {
    condition     = var.uploads_bucket.account_id == null ? true : can(regex("^[0-9]{12}$", var.uploads_bucket.account_id))
    error_message = "uploads_bucket.account_id must be the twelve digits of an AWS account."
  }

  validation {
    condition     = var.uploads_bucket.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.uploads_bucket.kms_key_arn))
    error_message = "uploads_bucket.kms_key_arn must be the ARN of a key, not of an alias: policies name keys."
  }
}

variable "thumbnails_bucket" {
  description = "The bucket that thumbnails are stored in. With mode create, it is made, called name or after the deployment. With existing, it was there before and is left as it is, its policy included: owner_policies tells what that has to say. kms_key_arn is the key that it encrypts with, if that is not the deployment's."
  type = object({
    mode        = optional(string, "create")
    name        = optional(string)
    kms_key_arn = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["create", "existing"], var.thumbnails_bucket.mode)
    error_message = "thumbnails_bucket.mode must be create or existing."
  }

  validation {
    condition     = var.thumbnails_bucket.mode == "create" || var.thumbnails_bucket.name != null
    error_message = "thumbnails_bucket.name must be given with the mode existing: it says which bucket is meant."
  }

  validation {
    condition     = var.thumbnails_bucket.name == null ? true : can(regex(var.thumbnails_bucket.mode == "create" ? "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$" : "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.thumbnails_bucket.name))
    error_message = "thumbnails_bucket.name must be 3 to 63 lower-case letters, digits and hyphens, and neither begin nor end with a hyphen. A bucket that was there before may have dots in its name."
  }

  validation {
    condition     = var.thumbnails_bucket.mode != "create" || var.thumbnails_bucket.kms_key_arn == null
    error_message = "thumbnails_bucket.kms_key_arn is that of a bucket that was there before: with mode create, thumbnails are encrypted with the deployment's key."
  }

  validation {
    condition     = var.thumbnails_bucket.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.thumbnails_bucket.kms_key_arn))
    error_message = "thumbnails_bucket.kms_key_arn must be the ARN of a key, not of an alias: policies name keys."
  }
}

variable "distribution_arns" {
  description = "ARNs of CloudFront distributions that serve the thumbnails; each may read the bucket, through an origin access control."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.distribution_arns : can(regex("^arn:[a-z-]+:cloudfront::[0-9]{12}:distribution/[A-Z0-9]+$", arn))])
    error_message = "distribution_arns must be ARNs such as arn:aws:cloudfront::123456789012:distribution/EDFDVBD632BHDS5."
  }
}

variable "uploads_transition" {
  description = "After how many days originals move to another storage class, and to which. With null they stay in S3 Standard. What is in GLACIER or DEEP_ARCHIVE cannot be read: it keeps the thumbnails that it has, and a backfill cannot make them anew unless somebody restored it before. GLACIER_IR can be read."
  type = object({
    days          = number
    storage_class = string
  })
  default = null

  validation {
    condition     = var.uploads_transition == null ? true : contains(["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"], var.uploads_transition.storage_class)
    error_message = "uploads_transition.storage_class must be STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER or DEEP_ARCHIVE."
  }

  validation {
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
    condition = var.uploads_transition == null ? true : (
      floor(var.uploads_transition.days) == var.uploads_transition.days &&
      var.uploads_transition.days >= (endswith(var.uploads_transition.storage_class, "_IA") ? 30 : 1)
    )
    error_message = "uploads_transition.days must be a whole number from 1, and from 30 for STANDARD_IA and ONEZONE_IA."
  }

  validation {
    condition     = var.uploads_transition == null || var.uploads_bucket.mode == "create"
    error_message = "uploads_transition is for a bucket that is made here: what becomes of the objects in another is its owner's to say."
  }
}

variable "propagate_deletions" {
  description = "Whether thumbnails go when their original does. With false, S3 tells of no deletion, thumbnails stay until somebody deletes them, and a pass of the reconciler finds nothing wrong with that."
  type        = bool
  default     = true
}

variable "cache_control" {
  description = "What browsers and CloudFront are told about keeping copies of thumbnails, which are replaced and deleted under the same key: for as long as a copy may be kept, people may see the old one. It holds for thumbnails that are stored from then on. With an empty one they are told nothing."
  type        = string
  default     = "public, max-age=3600"

  validation {
    condition     = can(regex("^[ -~]{0,100}$", var.cache_control))
    error_message = "cache_control must be at most 100 characters of ASCII, such as public, max-age=3600."
  }

  validation {
    condition     = !strcontains(lower(var.cache_control), "immutable")
    error_message = "cache_control must not say immutable: a thumbnail is replaced under the same key when its original is."
  }
}

variable "cors" {
  description = "Origins of the web pages whose scripts may read thumbnails, such as https://www.example.com or *, and the seconds for which a browser remembers that. Pages that only show thumbnails need none of it."
  type = object({
    origins         = set(string)
    max_age_seconds = optional(number, 3600)
  })
  default = null

  validation {
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
    condition = var.cors == null ? true : length(var.cors.origins) > 0 && alltrue([
      for origin in var.cors.origins : can(regex("^(\\*|https?://[^/*\\s]*\\*?[^/*\\s]+)$", origin))
    ])
    error_message = "cors.origins must be origins such as https://www.example.com, without a path and with one * at most, or *."
  }

  validation {
    condition     = var.cors == null ? true : var.cors.max_age_seconds >= 0 && floor(var.cors.max_age_seconds) == var.cors.max_age_seconds
    error_message = "cors.max_age_seconds must be a whole number of seconds from 0."
  }

  validation {
    condition     = var.cors == null || var.thumbnails_bucket.mode == "create" || var.cdn != null
    error_message = "cors is for a bucket that is made here, or for cdn in front of it: who may read another bucket is its owner's to say."
  }
}

variable "cdn" {
  description = "A CloudFront distribution that serves the thumbnails to everybody, over HTTPS and from a bucket that stays private: names of yours (aliases) with their certificate from us-east-1, where in the world it answers, a web ACL from us-east-1, and the domain name of a bucket for access logs. With null there is none."
  type = object({
    aliases         = optional(set(string), [])
    certificate_arn = optional(string)
    price_class     = optional(string, "PriceClass_100")
    web_acl_arn     = optional(string)
    logs_bucket     = optional(string)
  })
  default = null

  validation {
    condition     = var.cdn == null ? true : (length(var.cdn.aliases) > 0) == (var.cdn.certificate_arn != null)
    error_message = "cdn.aliases and cdn.certificate_arn must be given both or neither: CloudFront serves under names that a certificate proves to be yours."
  }

  validation {
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
    condition     = var.cdn == null ? true : var.cdn.certificate_arn == null || can(regex("^arn:[a-z-]+:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]+$", var.cdn.certificate_arn))
    error_message = "cdn.certificate_arn must be the ARN of a certificate of ACM in us-east-1: CloudFront takes no other."
  }

  validation {
    condition     = var.cdn == null ? true : contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.cdn.price_class)
    error_message = "cdn.price_class must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }

  validation {
    # https://docs.aws.amazon.com/waf/latest/developerguide/cloudfront-features.html
    condition     = var.cdn == null ? true : var.cdn.web_acl_arn == null || can(regex("^arn:[a-z-]+:wafv2:us-east-1:[0-9]{12}:global/webacl/", var.cdn.web_acl_arn))
    error_message = "cdn.web_acl_arn must be the ARN of a web ACL of WAF in us-east-1, of the scope CLOUDFRONT."
  }

  validation {
    condition     = var.cdn == null ? true : var.cdn.logs_bucket == null || can(regex("^[a-z0-9.-]+\\.s3\\.([a-z0-9-]+\\.)?amazonaws\\.com$", var.cdn.logs_bucket))
    error_message = "cdn.logs_bucket must be a bucket's domain name, such as logs.s3.amazonaws.com."
  }
}

# How fast, how long, how often

variable "batching" {
  description = "How many messages one invocation gets at most, and how many seconds it waits for them."
  type = object({
    size           = optional(number, 10)
    window_seconds = optional(number, 1)
  })
  default = {}

  validation {
    condition     = var.batching.size >= 1 && var.batching.size <= 10000 && floor(var.batching.size) == var.batching.size
    error_message = "batching.size must be a whole number from 1 to 10000."
  }

  validation {
    condition     = var.batching.window_seconds >= 0 && var.batching.window_seconds <= 300 && floor(var.batching.window_seconds) == var.batching.window_seconds
    error_message = "batching.window_seconds must be a whole number from 0 to 300."
  }

  validation {
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    condition     = var.batching.size <= 10 || var.batching.window_seconds >= 1
    error_message = "batching.window_seconds must be at least 1 when batching.size is more than 10: SQS gives out ten messages at a time."
  }
}

variable "memory_mb" {
  description = "Memory of the function in MB. At 1769 it has one whole processor."
  type        = number
  default     = 1769

  validation {
    condition     = var.memory_mb >= 512 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb must be a whole number from 512, which one large picture needs, to 10240."
  }
}

variable "timeout_seconds" {
  description = "Seconds that the function has for a batch. The queue's visibility timeout follows from it."
  type        = number
  default     = 60

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds must be a whole number from 1 to 900."
  }
}

variable "parallelism" {
  description = "How much one invocation does side by side: images in flight (images), images being rendered (renders), and thumbnails being stored (writes). With null, the function derives the number from its memory."
  type = object({
    images  = optional(number)
    renders = optional(number)
    writes  = optional(number)
  })
  default = {}

  validation {
    condition = alltrue([
      for limited in [
        { number = var.parallelism.images, most = 100 },
        { number = var.parallelism.renders, most = 16 },
        { number = var.parallelism.writes, most = 200 },
      ] : limited.number == null ? true : limited.number >= 1 && limited.number <= limited.most && floor(limited.number) == limited.number
    ])
    error_message = "parallelism must be whole numbers: images from 1 to 100, renders from 1 to 16, writes from 1 to 200."
  }
}

variable "maximum_concurrency" {
  description = "How many invocations run at a time at most for what is uploaded: the pipeline's throttle, and with backfill's the bound on what it can cost. With null they are 20, or what pollers can keep busy."
  type        = number
  default     = null

  validation {
    condition     = var.maximum_concurrency == null ? true : var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000 && floor(var.maximum_concurrency) == var.maximum_concurrency
    error_message = "maximum_concurrency must be a whole number from 2 to 1000."
  }
}

variable "pollers" {
  description = "Provisioned pollers of the work queue, at least and at most: they are there before messages come, and each keeps up to ten invocations busy. AWS charges for every hour of each. With null, Lambda brings its own, which cost nothing and take longer to begin."
  type = object({
    minimum = optional(number, 2)
    maximum = number
  })
  default = null

  validation {
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    condition     = var.pollers == null || var.maximum_concurrency == null
    error_message = "pollers and maximum_concurrency must not be set both: Lambda takes one of the two, and ten times pollers.maximum is what runs at a time at most."
  }

  validation {
    # AWS takes more by now, but version 5.100 of the provider does not.
    # https://docs.aws.amazon.com/lambda/latest/api/API_ProvisionedPollerConfig.html
    condition = var.pollers == null ? true : (
      var.pollers.minimum >= 2 && var.pollers.minimum <= 200 && floor(var.pollers.minimum) == var.pollers.minimum &&
      var.pollers.maximum >= 2 && var.pollers.maximum <= 2000 && floor(var.pollers.maximum) == var.pollers.maximum
    )
    error_message = "pollers must be whole numbers: minimum from 2 to 200, maximum from 2 to 2000."
  }

  validation {
    condition     = var.pollers == null ? true : var.pollers.minimum <= var.pollers.maximum
    error_message = "pollers.minimum must not be more than pollers.maximum."
  }
}

variable "backfill" {
  description = "What a backfill may use beside the uploads, which do not wait for it: how many invocations run at a time at most for the backfill queue, 10 where nothing is said, or provisioned pollers as for the work queue."
  type = object({
    maximum_concurrency = optional(number)
    pollers = optional(object({
      minimum = optional(number, 2)
      maximum = number
    }))
  })
  default = {}

  validation {
    condition     = var.backfill.maximum_concurrency == null ? true : var.backfill.maximum_concurrency >= 2 && var.backfill.maximum_concurrency <= 1000 && floor(var.backfill.maximum_concurrency) == var.backfill.maximum_concurrency
    error_message = "backfill.maximum_concurrency must be a whole number from 2 to 1000."
  }

  validation {
    condition     = var.backfill.pollers == null || var.backfill.maximum_concurrency == null
    error_message = "backfill.pollers and backfill.maximum_concurrency must not be set both: Lambda takes one of the two."
  }

  validation {
    condition = var.backfill.pollers == null ? true : (
      var.backfill.pollers.minimum >= 2 && var.backfill.pollers.minimum <= 200 && floor(var.backfill.pollers.minimum) == var.backfill.pollers.minimum &&
      var.backfill.pollers.maximum >= 2 && var.backfill.pollers.maximum <= 2000 && floor(var.backfill.pollers.maximum) == var.backfill.pollers.maximum
    )
    error_message = "backfill.pollers must be whole numbers: minimum from 2 to 200, maximum from 2 to 2000."
  }

  validation {
    condition     = var.backfill.pollers == null ? true : var.backfill.pollers.minimum <= var.backfill.pollers.maximum
    error_message = "backfill.pollers.minimum must not be more than backfill.pollers.maximum."
  }
}

variable "reserved_concurrency" {
  description = "How many of the account's concurrent executions are set aside for the function: AWS refuses to leave fewer than 100 of them unreserved. With null, none are."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : var.reserved_concurrency >= sum(values(local.most_at_a_time))
    error_message = "reserved_concurrency must be at least maximum_concurrency and backfill.maximum_concurrency together, or ten times pollers.maximum in place of either: the pollers would be throttled, and every throttle uses up one of a message's receives."
  }
}

variable "jobs" {
  description = "Bulk jobs that run in the account, as thumbctl backfill --in-account begins them: how many ranges of keys are worked on at a time at most, each by an invocation of its own. With reconcile = {}, thumbctl reconcile --in-account begins others, and with repair = true they may delete thumbnails that no row lists. With reconcile.schedule, rate(…) or cron(…) as EventBridge Scheduler has it, in UTC, such a job is begun by itself unless one is open, over all that is watched, and repairs where it may; reconcile.dollars is what each may cost by list prices, which is the approval of its cost. With inventories, thumbctl backfill --in-account --inventory has its objects read from an S3 Inventory instead of listing the bucket, in CSV and delivered to one of these places: its bucket, what its keys begin with, up to a slash (prefix; with none, jobs may read all that is in the bucket), and the ARN of the key that it is encrypted with (kms_key_arn), if it is. Where bucket or key are of another account, their own policies have to let this one's range worker and operators in. Between jobs they cost less than a dollar a month, for alarms and polling. With null, bulk jobs run where thumbctl does."
  type = object({
    ranges_at_a_time = optional(number, 10)
    reconcile = optional(object({
      schedule = optional(string)
      dollars  = optional(number)
      repair   = optional(bool, false)
    }))
    inventories = optional(list(object({
      bucket      = string
      prefix      = optional(string, "")
      kms_key_arn = optional(string)
    })), [])
  })
  default = null

  validation {
    # https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html
    condition     = var.jobs == null ? true : var.jobs.ranges_at_a_time >= 2 && var.jobs.ranges_at_a_time <= 1000 && floor(var.jobs.ranges_at_a_time) == var.jobs.ranges_at_a_time
    error_message = "jobs.ranges_at_a_time must be a whole number from 2 to 1000, as Lambda has it."
  }

  validation {
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    condition     = can(regex("^(rate\\(([1-9][0-9]* (hour|day)s?)\\)|cron\\([^ ()]+( [^ ()]+){5}\\))$", coalesce(try(var.jobs.reconcile.schedule, null), "rate(1 day)")))
    error_message = "jobs.reconcile.schedule must be a rate of hours or days such as rate(1 day), or a cron expression of six fields such as cron(0 3 * * ? *)."
  }

  validation {
    condition     = (try(var.jobs.reconcile.schedule, null) == null) == (try(var.jobs.reconcile.dollars, null) == null)
    error_message = "jobs.reconcile.schedule and jobs.reconcile.dollars must be set both or neither: nobody is asked whether a job that a schedule begins may cost what it does, and for a command there is --budget."
  }

  validation {
    condition     = try(var.jobs.reconcile.dollars, null) == null ? true : var.jobs.reconcile.dollars >= 1 && floor(var.jobs.reconcile.dollars) == var.jobs.reconcile.dollars
    error_message = "jobs.reconcile.dollars must be a whole number of dollars from 1."
  }

  validation {
    condition     = alltrue([for each in try(var.jobs.inventories, []) : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", each.bucket))])
    error_message = "The bucket of each of jobs.inventories must be the name of a bucket, not its ARN: 3 to 63 lower-case letters, digits, dots and hyphens."
  }

  validation {
    # S3 ends it with a slash itself. IAM would take *, ? and $ for wildcards, and no letters beyond those of Latin-1.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
    condition = alltrue([for each in try(var.jobs.inventories, []) : (
      can(regex("^([^/*?$][^*?$]*/)?$", each.prefix)) && can(regex("^[ -ÿ]*$", each.prefix))
    )])
    error_message = "The prefix of each of jobs.inventories must be empty, or begin with no slash and end with one, such as lists/: without it, jobs could read what lies beside. None of its characters may be *, ? or $, which in a policy would stand for others, or beyond ÿ, which a policy does not take."
  }

  validation {
    condition     = alltrue([for each in try(var.jobs.inventories, []) : each.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", each.kms_key_arn))])
    error_message = "The kms_key_arn of each of jobs.inventories must be the ARN of a key, not of an alias: policies name keys."
  }

  validation {
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketInventoryConfiguration.html
    condition     = alltrue([for each in try(var.jobs.inventories, []) : try(split(":", each.kms_key_arn)[3] == data.aws_region.current.id, true)])
    error_message = "The kms_key_arn of each of jobs.inventories must be of a key in the deployment's own region: S3 delivers an inventory in the region of what it lists, and encrypts it with a key from there."
  }

  validation {
    # What the rest can leave of the parameter in which tools find the deployment.
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
    condition     = length(jsonencode([for each in try(var.jobs.inventories, []) : "s3://${each.bucket}/${each.prefix}"])) <= 300
    error_message = "All of jobs.inventories must be at most 300 characters, as tools are told them (\"s3://lists/photos/\",…): they have no room for more. All inventories below one prefix are one of these."
  }
}

variable "reconcile" {
  description = "When to check that every source object has its thumbnails: rate(…) or cron(…), as EventBridge Scheduler has it, in UTC. A pass lists both buckets and reads the catalog, in as many runs of up to 15 minutes as it takes, so a rate must not be faster than that. With null, nobody checks."
  type = object({
    schedule = string
  })
  default = null

  validation {
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    condition     = var.reconcile == null ? true : can(regex("^(rate\\([1-9][0-9]* (minute|hour|day)s?\\)|cron\\([^ ()]+( [^ ()]+){5}\\))$", var.reconcile.schedule))
    error_message = "reconcile.schedule must be a rate such as rate(1 day), or a cron expression of six fields such as cron(0 3 * * ? *)."
  }

  validation {
    condition     = var.reconcile == null ? true : !can(regex("^rate\\(([1-9]|1[0-4]) minutes?\\)$", var.reconcile.schedule))
    error_message = "reconcile.schedule must not be faster than rate(15 minutes): a run may take as long, and two at a time would look at the same."
  }
}

variable "max_receive_count" {
  description = "How often a message is tried before it becomes a dead letter. AWS advises 5 or more; fewer are for tests."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receive_count >= 2 && var.max_receive_count <= 1000 && floor(var.max_receive_count) == var.max_receive_count
    error_message = "max_receive_count must be a whole number from 2 to 1000: with 1, a worker that crashes once makes dead letters of its whole batch."
  }
}

variable "retry_first_seconds" {
  description = "How long a message at most waits to be tried again after its first failure that may pass, such as a throttle. Each further wait is three times as long, up to 15 minutes."
  type        = number
  default     = 20

  validation {
    condition     = var.retry_first_seconds >= 1 && var.retry_first_seconds <= 900 && floor(var.retry_first_seconds) == var.retry_first_seconds
    error_message = "retry_first_seconds must be a whole number of seconds from 1 to 900."
  }
}

variable "retry_denied_seconds" {
  description = "For how long an image that a policy denies to the function is tried again before it is recorded as failed, with the reason access-denied: longer than whatever scans new objects, and lets them be read once they are tagged, usually takes. Of five tries, each waits four times as long as the one before."
  type        = number
  default     = 3600

  validation {
    # A message can stay hidden for twelve hours at a time.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
    condition     = var.retry_denied_seconds >= 60 && var.retry_denied_seconds <= 43200 && floor(var.retry_denied_seconds) == var.retry_denied_seconds
    error_message = "retry_denied_seconds must be a whole number of seconds from 60 to 43200, twelve hours."
  }
}

variable "retention" {
  description = "Days for which things are kept: messages (queue_days) and dead letters (dlq_days), logs, tombstones of deleted sources, overwritten or deleted uploads (noncurrent_days), parts of uploads that were never completed, and parked batches of events (parked_days)."
  type = object({
    queue_days             = optional(number, 4)
    dlq_days               = optional(number, 14)
    log_days               = optional(number, 30)
    tombstone_days         = optional(number, 30)
    noncurrent_days        = optional(number, 30)
    incomplete_upload_days = optional(number, 7)
    parked_days            = optional(number, 90)
  })
  default = {}

  validation {
    condition     = alltrue([for days in values(var.retention) : days >= 1 && floor(days) == days])
    error_message = "retention must be given in whole days, from 1."
  }

  validation {
    condition     = var.retention.dlq_days <= 14
    error_message = "retention.dlq_days must be at most 14, the longest that SQS keeps a message."
  }

  validation {
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    condition     = var.retention.dlq_days > var.retention.queue_days
    error_message = "retention.dlq_days must be more than retention.queue_days: a message's age is not reset when it becomes a dead letter, so it could expire before anybody saw it."
  }

  validation {
    # A tombstone has to outlive every event that may still arrive.
    condition     = var.retention.tombstone_days > var.retention.dlq_days
    error_message = "retention.tombstone_days must be more than retention.dlq_days: a redriven message could bring back the thumbnails of a deleted source."
  }

  validation {
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.retention.log_days,
    )
    error_message = "retention.log_days must be one of the periods that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

# Who hears of it

variable "events" {
  description = "Completion events: each image that is ready, has failed or is gone is announced on a bus of EventBridge, at least once, in the form that docs/events.md describes. The bus is made (mode create), or was there before (existing) and is named by its arn. With backfills false, nobody is told of what a backfill made, and nothing is paid for it. What the bus does not take is tried again, so often (attempts) and for so long (record_age_hours); then it is parked in a bucket, and an alarm tells. With null, nothing is announced, and nothing is there for it."
  type = object({
    bus = optional(object({
      mode = optional(string, "create")
      arn  = optional(string)
    }), {})
    backfills        = optional(bool, true)
    attempts         = optional(number, 100)
    record_age_hours = optional(number, 6)
  })
  default = null

  validation {
    condition     = var.events == null ? true : contains(["create", "existing"], var.events.bus.mode) && (var.events.bus.mode == "existing") == (var.events.bus.arn != null)
    error_message = "events.bus.mode must be create, or existing with the arn of the bus that was there before."
  }

  validation {
    # Events are put on a bus of the own region; from there, rules send them to others.
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html
    condition = try(var.events.bus.arn, null) == null ? true : (
      can(regex("^arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._-]{1,256}$", var.events.bus.arn)) &&
      try(split(":", var.events.bus.arn)[3] == data.aws_region.current.id, false)
    )
    error_message = "events.bus.arn must be the ARN of a bus in the deployment's own region, such as arn:aws:events:eu-central-1:123456789012:event-bus/default."
  }

  validation {
    condition     = var.events == null ? true : var.events.attempts >= 1 && var.events.attempts <= 1000 && floor(var.events.attempts) == var.events.attempts
    error_message = "events.attempts must be a whole number from 1 to 1000: one image that cannot be announced holds up others until it is parked."
  }

  validation {
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
    condition     = var.events == null ? true : var.events.record_age_hours >= 1 && var.events.record_age_hours <= 18 && floor(var.events.record_age_hours) == var.events.record_age_hours
    error_message = "events.record_age_hours must be a whole number from 1 to 18: after 24, the stream itself forgets, and nothing would be parked."
  }
}

variable "changes" {
  description = "The change stream for analytics: every completion event once more, as a record of a Kinesis data stream, in the order of each image. The stream is made (mode create), or was there before (existing) and is named by its arn; kms_key_arn is the key that it is encrypted with, if it is. One that is made has a capacity on-demand, which costs more than all else here while nothing happens, or provisioned with so many shards, and keeps records for retention_hours. With archive, Firehose writes Parquet to a bucket, a file after buffering_seconds at most, which is kept for so many days (for ever where none are said), and Athena has a table and saved queries, of which none may read more than query_gigabytes. backfills, attempts and record_age_hours are as of events. With null, there is none of it."
  type = object({
    stream = optional(object({
      mode        = optional(string, "create")
      arn         = optional(string)
      kms_key_arn = optional(string)
    }), {})
    capacity = optional(object({
      mode   = optional(string, "on-demand")
      shards = optional(number)
    }), {})
    retention_hours = optional(number, 24)
    archive = optional(object({
      buffering_seconds = optional(number, 900)
      days              = optional(number)
      query_gigabytes   = optional(number, 100)
    }))
    backfills        = optional(bool, true)
    attempts         = optional(number, 100)
    record_age_hours = optional(number, 6)
  })
  default = null

  validation {
    condition     = var.changes == null ? true : contains(["create", "existing"], var.changes.stream.mode) && (var.changes.stream.mode == "existing") == (var.changes.stream.arn != null)
    error_message = "changes.stream.mode must be create, or existing with the arn of the stream that was there before."
  }

  validation {
    # https://docs.aws.amazon.com/firehose/latest/APIReference/API_KinesisStreamSourceConfiguration.html
    condition = try(var.changes.stream.arn, null) == null ? true : (
      can(regex("^arn:[a-z-]+:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[A-Za-z0-9_.-]{1,128}$", var.changes.stream.arn)) &&
      try(split(":", var.changes.stream.arn)[3] == data.aws_region.current.id, false)
    )
    error_message = "changes.stream.arn must be the ARN of a stream in the deployment's own region, such as arn:aws:kinesis:eu-central-1:123456789012:stream/images."
  }

  validation {
    condition = try(var.changes.stream.kms_key_arn, null) == null ? true : (
      var.changes.stream.mode == "existing" && can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.changes.stream.kms_key_arn))
    )
    error_message = "changes.stream.kms_key_arn must be the ARN of the key, not of an alias, of a stream that was there before: one that is made has the deployment's."
  }

  validation {
    condition = var.changes == null ? true : (
      contains(["on-demand", "provisioned"], var.changes.capacity.mode) && (var.changes.capacity.mode == "provisioned") == (var.changes.capacity.shards != null)
    )
    error_message = "changes.capacity.mode must be on-demand, or provisioned with a number of shards."
  }

  validation {
    condition     = try(var.changes.capacity.shards, null) == null ? true : var.changes.stream.mode == "create" && var.changes.capacity.shards >= 1 && floor(var.changes.capacity.shards) == var.changes.capacity.shards
    error_message = "changes.capacity.shards must be a whole number from 1, of a stream that is made: how many another has is its owner's to say."
  }

  validation {
    # https://docs.aws.amazon.com/kinesis/latest/APIReference/API_IncreaseStreamRetentionPeriod.html
    condition     = var.changes == null ? true : var.changes.retention_hours >= 24 && var.changes.retention_hours <= 8760 && floor(var.changes.retention_hours) == var.changes.retention_hours
    error_message = "changes.retention_hours must be a whole number from 24 to 8760, a year."
  }

  validation {
    # https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
    condition     = try(var.changes.archive, null) == null ? true : var.changes.archive.buffering_seconds >= 60 && var.changes.archive.buffering_seconds <= 900 && floor(var.changes.archive.buffering_seconds) == var.changes.archive.buffering_seconds
    error_message = "changes.archive.buffering_seconds must be a whole number from 60, which makes many small files, to 900."
  }

  validation {
    condition     = try(var.changes.archive.days, null) == null ? true : var.changes.archive.days >= 1 && floor(var.changes.archive.days) == var.changes.archive.days
    error_message = "changes.archive.days must be a whole number from 1."
  }

  validation {
    condition     = try(var.changes.archive, null) == null ? true : var.changes.archive.query_gigabytes >= 1 && floor(var.changes.archive.query_gigabytes) == var.changes.archive.query_gigabytes
    error_message = "changes.archive.query_gigabytes must be a whole number from 1."
  }

  validation {
    condition     = var.changes == null ? true : var.changes.attempts >= 1 && var.changes.attempts <= 1000 && floor(var.changes.attempts) == var.changes.attempts
    error_message = "changes.attempts must be a whole number from 1 to 1000: one image that cannot be announced holds up others until it is parked."
  }

  validation {
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
    condition     = var.changes == null ? true : var.changes.record_age_hours >= 1 && var.changes.record_age_hours <= 18 && floor(var.changes.record_age_hours) == var.changes.record_age_hours
    error_message = "changes.record_age_hours must be a whole number from 1 to 18: after 24, the catalog's stream itself forgets, and nothing would be parked."
  }
}

variable "api" {
  description = "The front door: an HTTP API by which users upload images, see what became of them and fetch their thumbnails, without credentials of AWS. sign_in says whose tokens it takes: those of a Cognito user pool that is made (mode create), those of one that was there before (existing, user_pool_id), to either of which a client for the pages at callback_urls and a resource server are added, or those of any issuer of OpenID Connect (oidc, issuer and audience). Each route wants a scope: the deployment's name, a slash, and upload, read or delete, or what scopes says. limits are a user's, and what an upload may be; throttle is everybody's together; url_minutes is how long an address is valid to which an image may be put. page is a web page to drop images on, served by CloudFront, at CloudFront's name for it or at domain: with a user pool that is made here it needs nothing more, and otherwise the endpoints of the pool's or issuer's server, and with oidc the client_id to sign in as. With null, there is none of it."
  type = object({
    sign_in = object({
      mode                  = optional(string, "create")
      user_pool_id          = optional(string)
      issuer                = optional(string)
      audience              = optional(set(string), [])
      scopes                = optional(map(string), {})
      callback_urls         = optional(set(string), [])
      logout_urls           = optional(set(string), [])
      domain_prefix         = optional(string)
      self_sign_up          = optional(bool, false)
      access_token_minutes  = optional(number, 15)
      refresh_token_minutes = optional(number, 1440)
    })
    limits = optional(object({
      bytes         = optional(number, 33554432) # 32 MiB
      types         = optional(set(string), ["image/avif", "image/gif", "image/jpeg", "image/png", "image/tiff", "image/webp"])
      asks_a_minute = optional(number, 60)
      bytes_a_day   = optional(number, 2147483648) # 2 GiB
    }), {})
    throttle = optional(object({
      requests_a_second = optional(number, 50)
      burst             = optional(number, 100)
    }), {})
    reserved_concurrency = optional(number)
    url_minutes          = optional(number, 10)
    cors = optional(object({
      origins         = set(string)
      max_age_seconds = optional(number, 3600)
    }))
    domain = optional(object({
      name            = string
      certificate_arn = string
    }))
    page = optional(object({
      domain = optional(object({
        name            = string
        certificate_arn = string
      }))
      price_class = optional(string, "PriceClass_100")
      web_acl_arn = optional(string)
      client_id   = optional(string)
      endpoints = optional(object({
        authorization = string
        token         = string
        revocation    = optional(string)
        end_session   = optional(string)
      }))
    }))
  })
  default = null

  validation {
    condition = var.api == null ? true : (
      contains(["create", "existing", "oidc"], var.api.sign_in.mode) && (var.api.sign_in.mode == "existing") == (var.api.sign_in.user_pool_id != null) &&
      (var.api.sign_in.mode == "oidc") == (var.api.sign_in.issuer != null) && (var.api.sign_in.mode == "oidc") == (length(var.api.sign_in.audience) > 0)
    )
    error_message = "api.sign_in.mode must be create, or existing with user_pool_id, or oidc with issuer and audience: they say whose tokens are meant. Without an audience, a token for any other application would do."
  }

  validation {
    # The client is made in the deployment's region, and so is all of a pool. Of an issuer, the gateway reads the keys from
    # below its address, and compares the address with the token's letter by letter.
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    condition = var.api == null ? true : (
      (var.api.sign_in.user_pool_id == null ? true : try(regex("^([a-z0-9-]+)_[0-9A-Za-z]+$", var.api.sign_in.user_pool_id)[0] == data.aws_region.current.id, false)) &&
      (var.api.sign_in.issuer == null ? true : can(regex("^https://[^?#\\s]+$", var.api.sign_in.issuer)))
    )
    error_message = "api.sign_in.user_pool_id must be that of a pool in the deployment's own region, such as eu-central-1_AbCdEfGhI, and api.sign_in.issuer an https address, written as the tokens' iss."
  }

  validation {
    # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-app-idp-settings.html
    condition = var.api == null ? true : (
      (var.api.sign_in.mode == "oidc" ? length(var.api.sign_in.callback_urls) == 0 : length(var.api.sign_in.callback_urls) > 0 || var.api.page != null) &&
      alltrue([for url in setunion(var.api.sign_in.callback_urls, var.api.sign_in.logout_urls) : can(regex("^(https://[^#\\s]+|http://localhost(:[0-9]+)?(/[^#\\s]*)?)$", url))])
    )
    error_message = "api.sign_in.callback_urls must name the pages that people come back to when they have signed in to the user pool, unless api.page is the one, and none with the mode oidc; they and logout_urls must be https, or http://localhost."
  }

  validation {
    condition     = var.api == null ? true : length(setsubtract(keys(var.api.sign_in.scopes), ["upload", "read", "delete"])) == 0 && (length(var.api.sign_in.scopes) == 0 || var.api.sign_in.mode == "oidc")
    error_message = "api.sign_in.scopes may name the scopes for upload, read and delete with the mode oidc: those of a user pool are called after the deployment."
  }

  validation {
    # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html
    condition = try(var.api.sign_in.mode, "") != "create" ? true : (
      can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", coalesce(var.api.sign_in.domain_prefix, var.name))) &&
      !can(regex("aws|amazon|cognito", coalesce(var.api.sign_in.domain_prefix, var.name)))
    )
    error_message = "api.sign_in.domain_prefix must be at most 63 lower-case letters, digits and hyphens, without aws, amazon or cognito in it, which AWS keeps for itself. Where the deployment's name has one of these in it, it has to be given."
  }

  validation {
    # Signing out does not end an access token; it is good for as long as it lasts.
    # https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
    # https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html
    condition = var.api == null ? true : (
      var.api.sign_in.access_token_minutes >= 5 && var.api.sign_in.access_token_minutes <= 60 && floor(var.api.sign_in.access_token_minutes) == var.api.sign_in.access_token_minutes &&
      var.api.sign_in.refresh_token_minutes >= 60 && var.api.sign_in.refresh_token_minutes <= 5256000 && floor(var.api.sign_in.refresh_token_minutes) == var.api.sign_in.refresh_token_minutes &&
      var.api.url_minutes >= 1 && var.api.url_minutes <= 60 && floor(var.api.url_minutes) == var.api.url_minutes
    )
    error_message = "api.sign_in.access_token_minutes must be a whole number from 5 to 60, since nobody can call an access token back, refresh_token_minutes one from 60 to 5256000, which are ten years, and api.url_minutes one from 1 to 60, since whoever has an address may use it until then."
  }

  validation {
    condition = var.api == null ? true : var.api.throttle.requests_a_second >= 1 && alltrue([
      for number in concat(
        [var.api.limits.bytes, var.api.limits.asks_a_minute, var.api.limits.bytes_a_day],
        [var.api.throttle.burst, coalesce(var.api.reserved_concurrency, 1)],
      ) : number >= 1 && floor(number) == number
    ])
    error_message = "api.limits, api.throttle and api.reserved_concurrency must be numbers from 1, and whole ones but for requests_a_second: with 0, nothing gets through."
  }

  validation {
    # What is larger than limits.bytes would be uploaded in vain; and one PUT carries at most 5 GB.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
    condition     = var.api == null ? true : var.api.limits.bytes <= min(var.limits.bytes, 5368709120) && var.api.limits.bytes <= var.api.limits.bytes_a_day
    error_message = "api.limits.bytes must not be more than limits.bytes, beyond which no image is rendered, nor than api.limits.bytes_a_day."
  }

  validation {
    condition     = var.api == null ? true : length(var.api.limits.types) > 0 && alltrue([for type in var.api.limits.types : can(regex("^image/[a-z0-9.+-]+$", type)) && type != "image/svg+xml"])
    error_message = "api.limits.types must be types of images such as image/jpeg, and not image/svg+xml: an SVG is a page with scripts."
  }

  validation {
    condition = try(var.api.cors, null) == null ? true : (
      length(var.api.cors.origins) > 0 && alltrue([for origin in var.api.cors.origins : can(regex("^(https://[^/*\\s]+|http://localhost(:[0-9]+)?)$", origin))]) &&
      var.api.cors.max_age_seconds >= 0 && floor(var.api.cors.max_age_seconds) == var.api.cors.max_age_seconds
    )
    error_message = "api.cors.origins must be origins such as https://www.example.com or http://localhost:3000, without a path and without *, since their scripts speak for whoever signed in; max_age_seconds must be a whole number from 0."
  }

  validation {
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-custom-domain-names.html
    condition = try(var.api.domain, null) == null ? true : (
      can(regex("^[a-z0-9.-]+\\.[a-z]+$", var.api.domain.name)) &&
      can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", var.api.domain.certificate_arn)) && try(split(":", var.api.domain.certificate_arn)[3] == data.aws_region.current.id, false)
    )
    error_message = "api.domain must have a name such as images.example.com, and the certificate_arn of ACM's certificate for it in the deployment's own region."
  }

  validation {
    condition = try(var.api.page, null) == null ? true : (
      (var.api.sign_in.mode == "create") == (var.api.page.endpoints == null) && (var.api.sign_in.mode == "oidc") == (var.api.page.client_id != null) &&
      alltrue([for url in try(values(var.api.page.endpoints), []) : url == null ? true : can(regex("^https://[^/\\s;,']+/[^\\s]*$", url))])
    )
    error_message = "api.page.endpoints must be given unless api.sign_in.mode is create, and be https addresses with a path, and api.page.client_id with the mode oidc alone: of a user pool or an issuer that was there before, nobody here knows where people sign in."
  }

  validation {
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
    # https://docs.aws.amazon.com/waf/latest/developerguide/cloudfront-features.html
    condition = try(var.api.page, null) == null ? true : (
      (var.api.page.domain == null ? true : can(regex("^[a-z0-9.-]+\\.[a-z]+$", var.api.page.domain.name)) && can(regex("^arn:[a-z-]+:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]+$", var.api.page.domain.certificate_arn))) &&
      contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.api.page.price_class) &&
      (var.api.page.web_acl_arn == null ? true : can(regex("^arn:[a-z-]+:wafv2:us-east-1:[0-9]{12}:global/webacl/", var.api.page.web_acl_arn)))
    )
    error_message = "api.page.domain must have a name such as images.example.com and the certificate_arn of ACM's certificate for it in us-east-1, api.page.price_class must be PriceClass_100, PriceClass_200 or PriceClass_All, and api.page.web_acl_arn the ARN of a web ACL of WAF in us-east-1, of the scope CLOUDFRONT."
  }

  validation {
    # What the thumbnails bucket's policy says of users' images is what keeps public distributions from serving them.
    condition     = var.api == null || var.thumbnails_bucket.mode == "create" || (var.cdn == null && length(var.distribution_arns) == 0)
    error_message = "api must not be used with cdn or distribution_arns in front of a thumbnails bucket that was there before: they are public, and only the policy of a bucket that is made here is sure to keep users' images from them."
  }

  validation {
    # Else users' images would lie beside what the prefix is for, under names that begin like it.
    condition     = var.api == null || length(var.source_prefix) == 0 || endswith(var.source_prefix, "/")
    error_message = "With api, source_prefix must be empty or end in a slash: users' images lie below it, in users/."
  }

  validation {
    # Else users' images would be passed over, and be PENDING for ever.
    condition = var.api == null || (
      (length(var.source_keys.include) == 0 || alltrue([for globs in local.globs_of.users["include"] : length(globs) > 0])) &&
      alltrue([for globs in local.globs_of.users["exclude"] : length(globs) == 0])
    )
    error_message = "With api, source_keys must let through what users upload, the keys of which end in an id and have no extension: add ${local.users_prefix}* to include where there is one, and exclude nothing below it."
  }
}

variable "devices" {
  description = "The door for devices: cameras that have a certificate of AWS IoT ask by MQTT for an address to put an image to, or send a small one along, and are told what became of it; see docs/devices.md. Their topics begin with topic_prefix, which the deployments of a region must not share: each would answer the other's devices. limits are a device's, and what an upload may be; url_minutes is how long an address is valid to which an image may be put. reserved_concurrency sets some of the account's concurrent executions aside, for answers to asks and for statuses (status), so that a million events which are announced anew do not hold up those who ask; with null, none are: AWS refuses to leave fewer than 100 of them unreserved, or 10 in a new account. With provisioning, devices exchange a claim certificate that they have in common for one of their own. With role_alias, they may have credentials of AWS besides, which are good for 15 minutes, and for new objects below things/ and their own name: nothing then bounds how many images come, how large and of which type, and what was given out outlives a certificate that is revoked. Needs events. With null, there is none of it."
  type = object({
    topic_prefix = optional(string, "cameras")
    limits = optional(object({
      bytes         = optional(number, 33554432) # 32 MiB
      types         = optional(set(string), ["image/avif", "image/gif", "image/jpeg", "image/png", "image/tiff", "image/webp"])
      asks_a_minute = optional(number, 60)
      bytes_a_day   = optional(number, 2147483648) # 2 GiB
    }), {})
    url_minutes = optional(number, 10)
    reserved_concurrency = optional(object({
      asks   = optional(number)
      status = optional(number, 5)
    }), {})
    provisioning = optional(object({}))
    role_alias   = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.devices == null || var.events != null
    error_message = "devices needs events: from the bus, devices hear what became of their images. Add events = {}."
  }

  validation {
    # A rule is of the account that its bus is of.
    # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
    condition     = var.devices == null || try(var.events.bus.arn, null) == null ? true : try(split(":", var.events.bus.arn)[4] == data.aws_caller_identity.current.account_id, false)
    error_message = "With devices, events.bus.arn must be of the deployment's own account: a rule on the bus tells devices what became of their images."
  }

  validation {
    # A topic goes on with a slash, a thing's name of up to 128 characters and /uploads/accepted, and has at most 256 bytes and
    # seven slashes; AWS's own begin with a dollar. 64, so that the policy which names seven of them has room.
    # https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
    # https://docs.aws.amazon.com/iot/latest/developerguide/topics.html
    condition     = var.devices == null ? true : can(regex("^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+){0,4}$", var.devices.topic_prefix)) && length(var.devices.topic_prefix) <= 64
    error_message = "devices.topic_prefix must be one to five words of letters, digits, underscores and hyphens with slashes between them, and at most 64 characters: a topic has seven slashes at most, + and # would stand for other topics, and those that begin with a dollar are AWS's own."
  }

  validation {
    condition = var.devices == null ? true : alltrue([
      for number in concat(
        [var.devices.limits.bytes, var.devices.limits.asks_a_minute, var.devices.limits.bytes_a_day],
        [coalesce(var.devices.reserved_concurrency.asks, 1), coalesce(var.devices.reserved_concurrency.status, 1)],
      ) : number >= 1 && floor(number) == number
    ])
    error_message = "devices.limits and devices.reserved_concurrency must be whole numbers from 1: with 0, nothing gets through."
  }

  validation {
    condition     = var.devices == null ? true : var.devices.url_minutes >= 1 && var.devices.url_minutes <= 60 && floor(var.devices.url_minutes) == var.devices.url_minutes
    error_message = "devices.url_minutes must be a whole number from 1 to 60, since whoever has an address may use it until then."
  }

  validation {
    # As of the API: see there.
    condition     = var.devices == null ? true : var.devices.limits.bytes <= min(var.limits.bytes, 5368709120) && var.devices.limits.bytes <= var.devices.limits.bytes_a_day
    error_message = "devices.limits.bytes must not be more than limits.bytes, beyond which no image is rendered, nor than devices.limits.bytes_a_day."
  }

  validation {
    condition     = var.devices == null ? true : length(var.devices.limits.types) > 0 && alltrue([for type in var.devices.limits.types : can(regex("^image/[a-z0-9.+-]+$", type)) && type != "image/svg+xml"])
    error_message = "devices.limits.types must be types of images such as image/jpeg, and not image/svg+xml: an SVG is a page with scripts."
  }

  validation {
    condition     = var.devices == null || length(var.source_prefix) == 0 || endswith(var.source_prefix, "/")
    error_message = "With devices, source_prefix must be empty or end in a slash: devices' images lie below it, in things/."
  }

  validation {
    # Else devices' images would be passed over, and no status of them would ever come.
    condition = var.devices == null || (
      (length(var.source_keys.include) == 0 || alltrue([for globs in local.globs_of.things["include"] : length(globs) > 0])) &&
      alltrue([for globs in local.globs_of.things["exclude"] : length(globs) == 0])
    )
    error_message = "With devices, source_keys must let through what devices upload, the keys of which end in an id of the device's own, with or without an extension: add ${local.things_prefix}* to include where there is one, and exclude nothing below it."
  }
}

variable "alert_subscriptions" {
  description = "Who hears of failures and alarms, by a name of your choice. E-mail waits for a human to confirm it, and is no alarm until then."
  type = map(object({
    protocol = string # email, email-json, https, lambda, sms or sqs
    endpoint = string
    # failures: digests of images that failed; warning: alarms for the working day; critical: what wakes somebody up
    tiers                = optional(set(string), ["failures", "warning", "critical"])
    filter_policy        = optional(string) # chooses among failures; alarms have no attributes, and all come through
    raw_message_delivery = optional(bool, false)
    # For https: whether the endpoint confirms by itself, as PagerDuty does, and what to do instead of patient retries.
    endpoint_auto_confirms = optional(bool, true)
    delivery_policy        = optional(string)
    undelivered_queue_arn  = optional(string) # takes what could not be delivered
  }))
  default = {}

  validation {
    # http is left out: alarms name uploads and say what is broken, and would go over the wire for all to read.
    condition = alltrue([
      for subscription in values(var.alert_subscriptions) :
      contains(["email", "email-json", "https", "lambda", "sms", "sqs"], subscription.protocol)
    ])
    error_message = "The protocol of an alert subscription must be email, email-json, https, lambda, sms or sqs."
  }

  validation {
    # What belongs to another protocol SNS would take, and never deliver to.
    condition = alltrue([
      for subscription in values(var.alert_subscriptions) : can(regex(lookup({
        email      = "^[^@\\s]+@[^@\\s]+$"
        email-json = "^[^@\\s]+@[^@\\s]+$"
        https      = "^https://"
        lambda     = "^arn:[^:]+:lambda:[^:]+:[0-9]{12}:function:[^:]+(:[^:]+)?$"
        sms        = "^\\+[1-9][0-9]{6,14}$"
        sqs        = "^arn:[^:]+:sqs:[^:]+:[0-9]{12}:[^:]+$"
      }, subscription.protocol, ""), subscription.endpoint))
    ])
    error_message = "The endpoint of an alert subscription must fit its protocol: an e-mail address, an https URL, the ARN of a function or of a queue, or for sms a number such as +4915112345678."
  }

  validation {
    condition = alltrue([
      for subscription in values(var.alert_subscriptions) :
      length(subscription.tiers) > 0 && length(setsubtract(subscription.tiers, ["failures", "warning", "critical"])) == 0
    ])
    error_message = "The tiers of an alert subscription must be one or more of failures, warning and critical."
  }

  validation {
    condition = alltrue(flatten([
      for subscription in values(var.alert_subscriptions) : [
        for policy in [subscription.filter_policy, subscription.delivery_policy] : policy == null || can(jsondecode(policy))
      ]
    ]))
    error_message = "The filter_policy and the delivery_policy of an alert subscription must be JSON."
  }

  validation {
    # https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html
    condition = alltrue([
      for subscription in values(var.alert_subscriptions) :
      !subscription.raw_message_delivery || contains(["https", "sqs"], subscription.protocol)
    ])
    error_message = "raw_message_delivery of an alert subscription must be false, except for https and sqs: SNS knows it for these alone."
  }

  validation {
    # SNS has one subscription of an endpoint, however often it is asked for: each of two would take the other's with it.
    # https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
    condition = length(flatten([
      for subscription in values(var.alert_subscriptions) : [for tier in subscription.tiers : "${tier} ${subscription.protocol} ${subscription.endpoint}"]
      ])) == length(distinct(flatten([
        for subscription in values(var.alert_subscriptions) : [for tier in subscription.tiers : "${tier} ${subscription.protocol} ${subscription.endpoint}"]
    ])))
    error_message = "An endpoint must not be named twice in alert_subscriptions for the same tier and protocol: SNS subscribes it once."
  }
}

variable "alarm_thresholds" {
  description = "When alarms go off. A bulk import stays below all of these, as long as it is done before a quarter of the queue's retention is over."
  type = object({
    late_seconds            = optional(number, 120) # what 99 of 100 images have to keep, from upload to thumbnail
    busy_percent            = optional(number, 90)  # of maximum_concurrency: from there on, late is what an import is
    oldest_percent          = optional(number, 25)  # of the queue's retention that the oldest message has waited
    oldest_critical_percent = optional(number, 50)
    dead_letters_critical   = optional(number, 100) # a single one is a warning
    failed_percent          = optional(number, 20)  # of the images of 15 minutes
    failed_critical_percent = optional(number, 50)
    failed_minimum          = optional(number, 50)  # images in 15 minutes; a percentage of fewer says little
    error_percent           = optional(number, 50)  # of the invocations of 5 minutes
    crashes                 = optional(number, 3)   # in 5 minutes
    catalog_throttles       = optional(number, 100) # in 5 minutes
    silent_minutes          = optional(number, 15)  # messages wait, and nothing is decided
  })
  default = {}

  validation {
    condition = alltrue([
      for percent in [
        var.alarm_thresholds.busy_percent, var.alarm_thresholds.oldest_percent, var.alarm_thresholds.oldest_critical_percent,
        var.alarm_thresholds.failed_percent, var.alarm_thresholds.failed_critical_percent, var.alarm_thresholds.error_percent,
      ] : percent > 0 && percent <= 100
    ])
    error_message = "The percentages of alarm_thresholds must be more than 0, and at most 100."
  }

  validation {
    condition = (
      var.alarm_thresholds.oldest_percent < var.alarm_thresholds.oldest_critical_percent &&
      var.alarm_thresholds.failed_percent < var.alarm_thresholds.failed_critical_percent &&
      var.alarm_thresholds.dead_letters_critical > 1
    )
    error_message = "In alarm_thresholds, what is critical must be more than what is a warning; a single dead letter is one."
  }

  validation {
    condition = alltrue([
      for number in [
        var.alarm_thresholds.late_seconds, var.alarm_thresholds.dead_letters_critical, var.alarm_thresholds.failed_minimum,
        var.alarm_thresholds.crashes, var.alarm_thresholds.catalog_throttles,
      ] : number >= 1 && floor(number) == number
    ])
    error_message = "Seconds and counts of alarm_thresholds must be whole numbers from 1."
  }

  validation {
    # Counted in periods of five minutes.
    condition     = var.alarm_thresholds.silent_minutes >= 10 && var.alarm_thresholds.silent_minutes <= 60 && var.alarm_thresholds.silent_minutes % 5 == 0
    error_message = "alarm_thresholds.silent_minutes must be a multiple of 5 from 10 to 60."
  }
}

variable "saved_searches" {
  description = "Whether Logs Insights queries and an X-Ray group of this deployment are saved in the account. Only an emulator that knows neither has a use for false."
  type        = bool
  default     = true
}

variable "chat_channels" {
  description = "Channels of Slack and Microsoft Teams that hear of alarms through Amazon Q Developer in chat applications, by a name of your choice. The workspace or team must have been authorised in its console before."
  type = object({
    slack = optional(map(object({
      workspace_id = string
      channel_id   = string
      tiers        = optional(set(string), ["warning", "critical"])
    })), {})
    teams = optional(map(object({
      tenant_id  = string
      team_id    = string
      channel_id = string
      tiers      = optional(set(string), ["warning", "critical"])
    })), {})
  })
  default = {}

  validation {
    # It shows what AWS's services send, and drops whatever is of another form without a word.
    # https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
    condition = alltrue([
      for tiers in concat(values(var.chat_channels.slack)[*].tiers, values(var.chat_channels.teams)[*].tiers) :
      length(tiers) > 0 && length(setsubtract(tiers, ["warning", "critical"])) == 0
    ])
    error_message = "The tiers of a chat channel must be warning, critical or both: digests of failures are text for people, which Amazon Q Developer does not show."
  }

  validation {
    # A role's name may have 64 characters; see modules/alerting/chat.tf.
    condition     = alltrue([for name in concat(keys(var.chat_channels.slack), keys(var.chat_channels.teams)) : can(regex("^[A-Za-z0-9-]{1,32}$", name))])
    error_message = "The name of a chat channel must be 1 to 32 letters, digits and hyphens: a role is named after it."
  }
}

variable "digest_window_seconds" {
  description = "How long a digest of failures keeps further digests of the same reason silent, in seconds."
  type        = number
  default     = 900

  validation {
    condition     = var.digest_window_seconds >= 60 && var.digest_window_seconds <= 86400 && floor(var.digest_window_seconds) == var.digest_window_seconds
    error_message = "digest_window_seconds must be a whole number of seconds from 60, a minute, to 86400, a day."
  }
}

variable "runbook_url" {
  description = "Where your on-call engineers read docs/runbook.md: alarms and digests link to its sections. The default is its path in this repository, which no mail program makes a link of."
  type        = string
  default     = "docs/runbook.md"

  validation {
    # Part of every alarm's description, which may have 1024 characters.
    condition     = can(regex("^(https://[^\\s#]+|docs/runbook\\.md)$", var.runbook_url)) && length(var.runbook_url) <= 200
    error_message = "runbook_url must be an https URL of at most 200 characters without a fragment: the section's is appended."
  }
}

# How it runs

variable "runtime" {
  description = "Lambda runtime that the function and its layer were built for."
  type        = string
  default     = "python3.13"

  validation {
    # The layer's wheels need the C library of Amazon Linux 2023; SnapStart begins with the same versions.
    # https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
    condition     = contains(["python3.12", "python3.13", "python3.14"], var.runtime)
    error_message = "runtime must be python3.12, python3.13 or python3.14."
  }

  validation {
    # Version 5 of the provider refuses to plan what it does not know, and early ones of version 6 do too. The region has
    # had an attribute of this name since version 6.
    # https://registry.terraform.io/providers/hashicorp/aws/latest/docs/guides/version-6-upgrade
    condition     = var.runtime != "python3.14" || contains(keys(data.aws_region.current), "region")
    error_message = "runtime python3.14 needs version 6 of the AWS provider, and a late one: raise its version and run terraform init -upgrade, or use python3.13."
  }
}

variable "architecture" {
  description = "Processor architecture that the layer was built for."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "snap_start" {
  description = "Whether new execution environments are restored from a snapshot of an initialised one. AWS charges for keeping the snapshot of every published version and for every restore."
  type        = bool
  default     = false
}

variable "function_environment" {
  description = "Further environment variables of the functions, such as endpoints of an emulator."
  type        = map(string)
  default     = {}

  validation {
    condition = length(setintersection(keys(var.function_environment), [
      "SETTINGS", "SOURCE_PREFIX", "THUMBNAILS_BUCKET", "CATALOG_TABLE", "ALERTS_TOPIC_ARN", "TOMBSTONE_DAYS", "LOG_LEVEL",
      "RETRY_FIRST_SECONDS", "SOURCE_BUCKET", "TIMEOUT_SECONDS", "IMAGES_AT_ONCE", "RENDERS_AT_ONCE",
      "WRITES_AT_ONCE", "DIGESTS_TABLE", "DIGEST_WINDOW_SECONDS", "RUNBOOK_URL", "DEBUG_SAMPLE_RATE",
      "CURSOR_PARAMETER", "METRICS_FUNCTION", "PROPAGATE_DELETIONS", "CACHE_CONTROL", "RETRY_DENIED_SECONDS",
      "MAX_RECEIVE_COUNT", "KEY_IDS", "DESTINATION", "DEPLOYMENT", "EVENT_BUS_NAME", "STREAM_ARN",
      "UPLOADS_BUCKET", "ASKS_TABLE", "LIMITS", "OWN_ISSUER", "TOPIC_PREFIX", "IOT_ENDPOINT", "SOURCE_KEYS", "THING_TYPE",
      "JOBS_TABLE", "RANGES_AT_A_TIME", "RECONCILE_DOLLARS", "RECONCILE_REPAIRS",
    ])) == 0
    error_message = "function_environment must not set what the module sets itself: use the input for it."
  }
}

variable "tracing" {
  description = "Which invocations X-Ray records: those whose upload was sampled by the service that uploaded it (mode PassThrough), and of the others one a second and 5 % of the rest as well (Active). Lambda lets nobody configure these, so sampling is a rule for that service, by the name it has in X-Ray: so many uploads a second (reservoir), and a share of the rest (rate)."
  type = object({
    mode = optional(string, "Active")
    sampling = optional(object({
      service_name = string
      rate         = number
      reservoir    = optional(number, 1)
      priority     = optional(number, 1000) # of all rules of the account and region that match, the lowest number decides
    }))
  })
  default = {}

  validation {
    condition     = contains(["Active", "PassThrough"], var.tracing.mode)
    error_message = "tracing.mode must be Active or PassThrough."
  }

  validation {
    # https://docs.aws.amazon.com/xray/latest/api/API_SamplingRule.html
    condition     = var.tracing.sampling == null ? true : var.tracing.sampling.rate >= 0 && var.tracing.sampling.rate <= 1
    error_message = "tracing.sampling.rate must be a number from 0, none, to 1, all."
  }

  validation {
    condition     = var.tracing.sampling == null ? true : var.tracing.sampling.reservoir >= 0 && floor(var.tracing.sampling.reservoir) == var.tracing.sampling.reservoir
    error_message = "tracing.sampling.reservoir must be a whole number from 0."
  }

  validation {
    condition     = var.tracing.sampling == null ? true : var.tracing.sampling.priority >= 1 && var.tracing.sampling.priority <= 9999 && floor(var.tracing.sampling.priority) == var.tracing.sampling.priority
    error_message = "tracing.sampling.priority must be a whole number from 1 to 9999."
  }

  validation {
    condition     = var.tracing.sampling == null ? true : length(var.tracing.sampling.service_name) >= 1 && length(var.tracing.sampling.service_name) <= 64
    error_message = "tracing.sampling.service_name must be 1 to 64 characters."
  }
}

variable "log_level" {
  description = "The least severe messages that the function logs."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "debug_sample_rate" {
  description = "Share of invocations, from 0 to 1, that log at DEBUG whatever log_level says: a look inside without the cost of all of it."
  type        = number
  default     = 0

  validation {
    condition     = var.debug_sample_rate >= 0 && var.debug_sample_rate <= 1
    error_message = "debug_sample_rate must be a number from 0, none, to 1, all."
  }
}

# Who else comes

variable "access" {
  description = "Who brings images (uploaders) and who fetches thumbnails (readers), by the ARNs of roles, users or whole accounts, here or elsewhere: the policies of buckets and key let them do what the output access_policies tells, and no more. statements are further ones for these policies, in JSON each. Of what was there before, owner_policies tells it all."
  type = object({
    uploaders = optional(list(string), [])
    readers   = optional(list(string), [])
    statements = optional(object({
      kms_key           = optional(list(string), [])
      uploads_bucket    = optional(list(string), [])
      thumbnails_bucket = optional(list(string), [])
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for arn in concat(var.access.uploaders, var.access.readers) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(root|(role|user)/[^*?]+)$", arn))
    ])
    error_message = "access.uploaders and access.readers must be ARNs such as arn:aws:iam::123456789012:role/shop, or arn:aws:iam::123456789012:root for an account."
  }

  validation {
    condition     = alltrue([for statement in flatten(values(var.access.statements)) : can(jsondecode(statement).Effect)])
    error_message = "access.statements must be statements of a policy in JSON, each by itself: jsonencode({ Effect = … })."
  }
}

# What is there already, and is used instead of something made here

variable "encryption" {
  description = "Whose key encrypts everything at rest (key): one that is made (create), or kms_key_arn (existing). What encrypts the logs (log_key): the same, or log_kms_key_arn (existing). Where a deployment that has made a key goes over to an existing one, made_key says whether its own is kept for what is encrypted with it (keep), or deleted (delete). former_key_arns are keys of yours with which something is still encrypted: functions and operators go on using them."
  type = object({
    key             = optional(string, "create")
    log_key         = optional(string, "same")
    made_key        = optional(string)
    former_key_arns = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["create", "existing"], var.encryption.key) && contains(["same", "existing"], var.encryption.log_key)
    error_message = "encryption.key must be create or existing, and encryption.log_key must be same or existing."
  }

  validation {
    condition     = var.encryption.made_key == null ? true : contains(["keep", "delete"], var.encryption.made_key) && var.encryption.key == "existing"
    error_message = "encryption.made_key must be keep or delete, with the key existing: while a key that was made is in use, it stays."
  }

  validation {
    condition     = alltrue([for arn in var.encryption.former_key_arns : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))])
    error_message = "encryption.former_key_arns must be ARNs of keys, not of aliases: policies name keys."
  }
}

# Apart from the object above, so that what a key's policy has to say can be told before there is the key.
variable "kms_key_arn" {
  description = "ARN of the key that encrypts everything at rest, in this region, with encryption.key existing. Its policy has to say what owner_policies tells."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias: policies name keys."
  }

  validation {
    condition     = (var.encryption.key == "existing") == (var.kms_key_arn != null)
    error_message = "kms_key_arn must be given with encryption.key existing, and with no other: it says which key is meant."
  }

  validation {
    condition     = try(split(":", var.kms_key_arn)[3] == data.aws_region.current.id, true)
    error_message = "kms_key_arn must be of a key in the deployment's own region: no service takes one of another."
  }
}

variable "log_kms_key_arn" {
  description = "ARN of the key that encrypts the logs, in this region, with encryption.log_key existing. Its policy has to say what owner_policies tells."
  type        = string
  default     = null

  validation {
    condition     = var.log_kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.log_kms_key_arn))
    error_message = "log_kms_key_arn must be the ARN of a key, not of an alias: CloudWatch Logs takes no alias."
  }

  validation {
    condition     = (var.encryption.log_key == "existing") == (var.log_kms_key_arn != null)
    error_message = "log_kms_key_arn must be given with encryption.log_key existing, and with no other: it says which key is meant."
  }

  validation {
    condition     = try(split(":", var.log_kms_key_arn)[3] == data.aws_region.current.id, true)
    error_message = "log_kms_key_arn must be of a key in the deployment's own region: CloudWatch Logs takes no other."
  }
}

variable "alert_topics" {
  description = "Topics that take the place of the deployment's own, by tier (failures, warning, critical): the ARN of each, and the key that it is encrypted with. Their policies have to say what owner_policies tells. Of the tiers that are left out, topics are made."
  type = map(object({
    arn         = string
    kms_key_arn = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.alert_topics), ["failures", "warning", "critical"])) == 0
    error_message = "The tiers of alert_topics must be failures, warning or critical."
  }

  validation {
    # Alarms publish to topics of their own region alone.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    condition = alltrue([
      for topic in values(var.alert_topics) :
      can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", topic.arn)) && try(split(":", topic.arn)[3] == data.aws_region.current.id, false)
    ])
    error_message = "The arn of each of alert_topics must be that of a standard topic in the deployment's own region: alarms publish to no other."
  }

  validation {
    condition = alltrue([
      for topic in values(var.alert_topics) :
      topic.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", topic.kms_key_arn))
    ])
    error_message = "The kms_key_arn of each of alert_topics must be the ARN of a key, not of an alias: policies name keys."
  }
}

variable "regional_roles" {
  description = "Whether the names of roles end in the region: roles know no regions, so one of two deployments that have the same name in two regions of an account needs it. A change makes every role anew."
  type        = bool
  default     = false
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds what the roles of the deployment may do, all of them. With null, none does."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a managed policy, such as arn:aws:iam::123456789012:policy/boundary."
  }
}

variable "vpc" {
  description = "Subnets and security groups that the functions work in. From there they have to reach S3, DynamoDB, SQS, SNS and X-Ray, with reconcile Systems Manager, with events EventBridge, with changes Kinesis, with devices AWS IoT and with jobs Lambda, through endpoints or a NAT gateway; the API needs S3 and DynamoDB alone. With null, they are in no VPC."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null

  validation {
    condition = var.vpc == null ? true : (
      length(var.vpc.subnet_ids) > 0 && alltrue([for id in var.vpc.subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))])
    )
    error_message = "vpc.subnet_ids must name one or more subnets, such as subnet-0a1b2c3d; two in different zones outlive the loss of one."
  }

  validation {
    # https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html
    condition = var.vpc == null ? true : (
      length(var.vpc.security_group_ids) > 0 && length(var.vpc.security_group_ids) <= 5 &&
      alltrue([for id in var.vpc.security_group_ids : can(regex("^sg-[0-9a-f]+$", id))])
    )
    error_message = "vpc.security_group_ids must name one to five security groups, such as sg-0a1b2c3d."
  }
}

# What protects it

variable "deletion_protection" {
  description = "Whether destroying the deployment is refused while there are uploads, thumbnails or a catalog that would go with it."
  type        = bool
  default     = true
}

variable "plaintext_source_cidrs" {
  description = "Addresses that may speak to buckets, queues and topic without TLS. Only an emulator on the same machine has a use for it."
  type        = list(string)
  default     = []

  validation {
    # From these, no request can reach AWS: the exception is worth nothing outside an emulator.
    condition     = alltrue([for cidr in var.plaintext_source_cidrs : contains(["127.0.0.0/8", "::1/128"], cidr)])
    error_message = "plaintext_source_cidrs may hold loopback addresses only, 127.0.0.0/8 and ::1/128."
  }
}

variable "tags" {
  description = "Tags of every resource, on top of the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
    condition     = alltrue([for key in keys(var.tags) : can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$", key)) && !startswith(lower(key), "aws:")])
    error_message = "The keys of tags must be 1 to 128 letters, digits, spaces and _.:/=+-@, and not begin with aws:, which is for AWS's own."
  }

  validation {
    condition     = alltrue([for value in values(var.tags) : can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{0,256}$", value))])
    error_message = "The values of tags must be at most 256 letters, digits, spaces and _.:/=+-@."
  }

  validation {
    condition     = length(distinct([for key in keys(var.tags) : lower(key)])) == length(var.tags)
    error_message = "The keys of tags must differ in more than capitals: to IAM they would be one."
  }

  validation {
    # https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    condition     = length(var.tags) <= 50
    error_message = "tags must be at most 50, with the provider's default tags counted: no resource has more."
  }
}
